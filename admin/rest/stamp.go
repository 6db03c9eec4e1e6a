package rest

import "time"

// Stamp is what every thing carries.
type Stamp struct {
	ID        string    `json:"id" format:"uuid" doc:"Given by the server; it never changes." example:"01938c2e-7c1a-7b1e-9d53-3f1f0f3c9a10"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made."`
	UpdatedAt time.Time `json:"updated_at" doc:"When it was changed last."`
	Version   int64     `json:"version" doc:"Raised by each change; the ETag." example:"3"`
}
