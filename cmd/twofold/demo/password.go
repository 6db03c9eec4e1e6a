package demo

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// plainWords are 128 words that are easy to read out and to type: seven bits each.
const plainWords = `acorn alder amber anchor apple arrow aspen autumn
badger bamboo barley basil beacon birch bison bottle
bridge bronze butter cabin canal candle canoe canyon
carbon castle cedar cherry cinder cliff clover cobalt
comet copper coral cotton crane cricket crystal dahlia
daisy delta desert dolphin dragon dune eagle ember
falcon feather fennel ferry fiddle finch fjord flint
forest fossil fox garden garnet ginger glacier granite
grape gravel harbor hazel heron hollow honey ice
indigo iris island ivory jasmine juniper kelp kettle
lagoon lantern larch lemon lilac linen lotus lumber
magnet maple marble meadow melon mirror mocha mosaic
nectar needle nickel nutmeg oak oasis olive onyx
opal orbit orchid otter oyster paddle panda papaya
pebble pepper pine planet plum pollen poplar prairie
quartz rabbit raven reef ribbon river saddle saffron`

// password is four words with three digits: 38 bits, enough behind the limits on
// wrong passwords, and never shorter than the 15 characters of the rules.
func password(random io.Reader) (string, error) {
	var b [6]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("demo: randomness: %w", err)
	}
	all := strings.Fields(plainWords)
	var out []string
	for _, n := range b[:4] {
		out = append(out, all[int(n)%len(all)]) // 256 is a multiple of 128: no bias
	}
	number := 100 + (int(b[4])<<8|int(b[5]))%900
	return fmt.Sprintf("%s-%d", strings.Join(out, "-"), number), nil
}

// token is 256 random bits that need no escaping anywhere.
func token(random io.Reader) (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("demo: randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// hexToken is 128 random bits, as Twilio spells its identifiers.
func hexToken(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("demo: randomness: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
