package oob

import "time"

// Bounds of CodeLength; the tags below must say the same.
const (
	minLength = 6
	maxLength = 10
)

// Options are what all factors that send codes have in common. Embed them.
type Options struct {
	CodeLength        int    `json:"CodeLength" label:"Code length" help:"Digits in a code, 6 to 10." min:"6" max:"10"`
	CodeLifetime      int    `json:"CodeLifetime" label:"Code lifetime" help:"Seconds a code is valid, 60 to 600." min:"60" max:"600"`
	OnDeliveryFailure string `json:"OnDeliveryFailure" label:"On delivery failure" help:"Name of another TwoFactor instance of the subscription that takes over when a message cannot be delivered."`
}

// Defaults are the options of an instance that sets none (SECURITY N1, N2).
var Defaults = Options{CodeLength: 6, CodeLifetime: 300}

func (o Options) lifetime() time.Duration { return time.Duration(o.CodeLifetime) * time.Second }
