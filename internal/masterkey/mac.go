package masterkey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"twofold/internal/db"
	"twofold/internal/seal"
)

// Where the MAC key comes from.
const (
	Drawn   = "drawn"      // at the first start, from nothing but chance
	Adopted = "master key" // it follows from the master keys of a database that was there before
)

type houseKeyRow struct {
	ID     string `gorm:"primaryKey"`
	Sealed string // empty: to be taken from the master keys at the next start
	Origin string
}

func (houseKeyRow) TableName() string { return "house_keys" }
func (houseKeyRow) PlatformOwned()    {}

func (r houseKeyRow) place() []string { return []string{"house_keys", "sealed", r.ID} }

// macID is the id of the row with the keys of MACs: one after the other, the one they
// are made with first.
const macID = "mac"

// House keeps the keys of the database.
type House struct {
	DB   *db.DB
	Seal *seal.Sealer
}

// put keeps the MAC keys unless they are there already. Any number of replicas may do it
// at once: one statement decides, and all read afterwards what it left.
const put = `INSERT INTO house_keys (id, sealed, origin) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET sealed = ? WHERE house_keys.sealed = '' RETURNING id`

// Load returns the sealer that this database is worked with: under the master keys of s,
// with MACs by the database's own key, which is drawn here if there is none.
func (h House) Load(ctx context.Context, random io.Reader) (*seal.Sealer, error) {
	row, err := h.mac(ctx)
	if db.IsNotFound(err) || err == nil && row.Sealed == "" {
		if err := h.put(ctx, random); err != nil {
			return nil, err
		}
		row, err = h.mac(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("masterkey: load: %w", err)
	}
	keys, err := h.Seal.Open(row.Sealed, row.place()...)
	if err != nil {
		return nil, fmt.Errorf("the master key is another one than this database was sealed under (%s)", seal.KeyOf(row.Sealed))
	}
	if len(keys) == 0 || len(keys)%seal.KeySize != 0 {
		return nil, errors.New("masterkey: the keys of MACs are damaged")
	}
	return h.Seal.WithMACKeys(slices.Collect(slices.Chunk(keys, seal.KeySize))...), nil
}

func (h House) put(ctx context.Context, random io.Reader) error {
	drawn := make([]byte, seal.KeySize)
	if _, err := io.ReadFull(random, drawn); err != nil {
		return fmt.Errorf("masterkey: draw: %w", err)
	}
	// All of them: if the master key was changed before there was a key of MACs, some
	// MACs are by the one and some by the other.
	adopted := slices.Concat(h.Seal.MACKeys()...)
	place := houseKeyRow{ID: macID}.place()
	var done []string
	err := h.DB.QueryRaw(ctx, &done, put, macID, h.Seal.Seal(drawn, place...), Drawn, h.Seal.Seal(adopted, place...))
	if err != nil {
		return fmt.Errorf("masterkey: keep: %w", err)
	}
	return nil
}

func (h House) mac(ctx context.Context) (row houseKeyRow, err error) {
	err = h.DB.For(ctx).Where("id = ?", macID).Take(&row).Error
	return row, err
}

// Origin says where the key of MACs comes from: Drawn or Adopted.
func (h House) Origin(ctx context.Context) (string, error) {
	row, err := h.mac(ctx)
	if err != nil {
		return "", fmt.Errorf("masterkey: origin: %w", err)
	}
	return row.Origin, nil
}

// SealedColumns are the ones of this package.
func (h House) SealedColumns() []Column {
	return []Column{Table[houseKeyRow]{
		DB: h.DB, Seal: h.Seal, Table: "house_keys", Column: "sealed", Key: []string{"id"},
		Read: func(r houseKeyRow) Value { return Value{[]any{r.ID}, r.Sealed, r.place()} },
	}}
}
