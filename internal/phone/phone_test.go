package phone_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/phone"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		raw, region string
		want        phone.Number
	}{
		"Swiss mobile":             {"+41791234567", "", phone.Number{"+41791234567", "CH", phone.Mobile}},
		"Swiss mobile, national":   {"079 123 45 67", "CH", phone.Number{"+41791234567", "CH", phone.Mobile}},
		"Swiss mobile, 00":         {"0041 79 123 45 67", "CH", phone.Number{"+41791234567", "CH", phone.Mobile}},
		"Swiss, with (0)":          {"+41 (0)79 123 45 67", "", phone.Number{"+41791234567", "CH", phone.Mobile}},
		"Swiss landline":           {"+41 44 668 18 00", "", phone.Number{"+41446681800", "CH", phone.Fixed}},
		"Swiss premium":            {"0900 123 456", "CH", phone.Number{"+41900123456", "CH", phone.Premium}},
		"Swiss shared cost":        {"0848 123 456", "CH", phone.Number{"+41848123456", "CH", phone.SharedCost}},
		"Swiss toll free":          {"0800 123 456", "CH", phone.Number{"+41800123456", "CH", phone.TollFree}},
		"Swiss UAN":                {"+41 58 123 45 67", "", phone.Number{"+41581234567", "CH", phone.UAN}},
		"Swiss voicemail":          {"+41 860 79 123 45 67", "", phone.Number{"+41860791234567", "CH", phone.Voicemail}},
		"Swiss personal":           {"+41 878 123 456", "", phone.Number{"+41878123456", "CH", phone.Personal}},
		"German mobile":            {"0151 23456789", "DE", phone.Number{"+4915123456789", "DE", phone.Mobile}},
		"German landline":          {"+49 30 123456", "", phone.Number{"+4930123456", "DE", phone.Fixed}},
		"German premium":           {"+49 900 1234567", "", phone.Number{"+499001234567", "DE", phone.Premium}},
		"French mobile":            {"06 12 34 56 78", "FR", phone.Number{"+33612345678", "FR", phone.Mobile}},
		"French VoIP":              {"+33 9 12 34 56 78", "", phone.Number{"+33912345678", "FR", phone.VoIP}},
		"French premium":           {"+33 8 91 12 34 56", "", phone.Number{"+33891123456", "FR", phone.Premium}},
		"Italian mobile":           {"312 345 6789", "IT", phone.Number{"+393123456789", "IT", phone.Mobile}},
		"Italian landline keeps 0": {"06 1234 5678", "IT", phone.Number{"+390612345678", "IT", phone.Fixed}},
		"American":                 {"(650) 253-0000", "US", phone.Number{"+16502530000", "US", phone.FixedOrMobile}},
		"American premium":         {"+1 900 253 0000", "", phone.Number{"+19002530000", "US", phone.Premium}},
		"Jamaican, not American":   {"+1 876 210 1234", "", phone.Number{"+18762101234", "JM", phone.Mobile}},
		"Canadian, not American":   {"+1 604 555 1234", "", phone.Number{"+16045551234", "CA", phone.FixedOrMobile}},
		"British mobile":           {"07400 123456", "GB", phone.Number{"+447400123456", "GB", phone.Mobile}},
		"British personal":         {"+44 70 1234 5678", "", phone.Number{"+447012345678", "GB", phone.Personal}},
		"British pager":            {"+44 76 4012 3456", "", phone.Number{"+447640123456", "GB", phone.Pager}},
		"Jersey, not British":      {"+44 7797 712345", "", phone.Number{"+447797712345", "JE", phone.Mobile}},
		"Kazakh, not Russian":      {"+7 701 123 4567", "", phone.Number{"+77011234567", "KZ", phone.Mobile}},
		"satellite":                {"+881 6 12345678", "", phone.Number{"+881612345678", phone.World, phone.Mobile}},
		"full-width digits":        {"＋４１７９１２３４５６７", "", phone.Number{"+41791234567", "CH", phone.Mobile}},
		"Arabic-Indic digits":      {"+٤١٧٩١٢٣٤٥٦٧", "", phone.Number{"+41791234567", "CH", phone.Mobile}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := phone.Parse(c.raw, c.region)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ raw, region string }{
		"nothing":                {"", "CH"},
		"no country":             {"079 123 45 67", ""},
		"emergency":              {"112", "CH"},
		"short code":             {"+41 2020", ""},
		"American short code":    {"24273", "US"},
		"too short":              {"+41 79 123 45", ""},
		"too long":               {"+41 79 123 45 67 89", ""},
		"no such country":        {"+999 123 456 789", ""},
		"no such range":          {"+41 10 123 45 67", ""},
		"extension":              {"+41 44 668 18 00 ext. 5", ""},
		"extension, x":           {"+41 44 668 18 00 x5", ""},
		"extension, #":           {"+41 44 668 18 00 #5", ""},
		"extension, comma":       {"+41446681800,,5", ""},
		"RFC 3966":               {"tel:+41791234567;ext=5", ""},
		"context":                {"79 123 45 67;phone-context=+41", "CH"},
		"letters":                {"0800 FLOWERS", "CH"},
		"a letter that looks so": {"+4179123456О", ""},
		"two numbers":            {"+41791234567 / +41791234568", ""},
		"line break":             {"+41791234567\r\nBcc: x", ""},
		"a thousand digits":      {"+41" + strings.Repeat("7", 1000), ""},
		"mail address":           {"+41791234567@carrier.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := phone.Parse(c.raw, c.region); !errors.Is(err, phone.ErrInvalid) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// M72: what must not be texted.
func TestText(t *testing.T) {
	all := []string{"CH", "DE", "US", "GB"}
	for name, c := range map[string]struct {
		number    string
		countries []string
		want      phone.Refusal
	}{
		"mobile":                     {"+41791234567", all, ""},
		"American":                   {"+16502530000", all, ""},
		"no country allowed":         {"+41791234567", nil, phone.WrongCountry},
		"another country":            {"+33612345678", all, phone.WrongCountry},
		"same code, another country": {"+18762101234", all, phone.WrongCountry},
		"island of the same code":    {"+447797712345", all, phone.WrongCountry},
		"landline":                   {"+41446681800", all, phone.WrongKind},
		"premium":                    {"+41900123456", all, phone.WrongKind},
		"shared cost":                {"+41848123456", all, phone.WrongKind},
		"UAN":                        {"+41581234567", all, phone.WrongKind},
		"voicemail":                  {"+41860791234567", all, phone.WrongKind},
		"personal":                   {"+447012345678", all, phone.WrongKind},
		"pager":                      {"+447640123456", all, phone.WrongKind},
		"satellite":                  {"+881612345678", append(all, phone.World), phone.WrongKind},
		"short code":                 {"+412020", all, phone.NoNumber},
		"not in E.164":               {"+41 79 123 45 67", all, phone.NoNumber},
		"not international":          {"0791234567", all, phone.NoNumber},
		"nothing":                    {"", all, phone.NoNumber},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := phone.Text(c.number, c.countries); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Whatever is read has one spelling, which is read as itself again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"+41791234567", "079 123 45 67", "+881612345678", "+4920100000200101", "0800 FLOWERS", "+1;ext=5", "٤١", "＋４１", "+", "((((", "\x00"} {
		f.Add(seed, "CH")
	}
	f.Fuzz(func(t *testing.T, raw, region string) {
		n, err := phone.Parse(raw, region)
		if err != nil {
			return
		}
		if len(n.E164) < 4 || len(n.E164) > 16 || n.E164[0] != '+' || strings.Trim(n.E164[1:], "0123456789") != "" {
			t.Errorf("%q: %q", raw, n.E164)
		}
		if again, err := phone.Parse(n.E164, ""); err != nil || again != n {
			t.Errorf("%q: %+v, then %+v, %v", raw, n, again, err)
		}
	})
}

func TestWritten(t *testing.T) {
	for number, want := range map[string]string{"+41791234567": "+41 79 123 45 67", "+14155552671": "+1 415-555-2671", "": "", "nobody": "nobody"} {
		if got := phone.Written(number); got != want {
			t.Errorf("Written(%q) = %q, want %q", number, got, want)
		}
	}
}
