package tenants

import (
	"errors"
	"strings"
	"testing"

	"twofold/internal/problem"
)

const foreignPassword = "correct horse battery staple"

// foreignHashes are of foreignPassword unless named otherwise. They were made by the
// libraries that people come from: bcrypt 4.0.1, passlib 1.7.4, argon2-cffi 25.1.0 and
// Django 5.2 for Python, hashlib on OpenSSL 3.0, and Node's crypto.scryptSync.
var foreignHashes = []struct{ name, hash, password string }{
	{"bcrypt 2b", "$2b$04$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy", ""},
	{"bcrypt 2a", "$2a$04$BhoFVZiUJtKqlyYrea20f.xnVTJJVhiirOM9RbIY2ew/mBF0mXUne", ""},
	{"bcrypt 2y, passlib", "$2y$04$DOC/xxj6azmJ9LywDeGWR.Qo7ak82uU6rPSiYQuZ78EhRensicXMu", ""},
	{"bcrypt, not ASCII", "$2b$04$4uOBiOxYMI2umA/CoMHS9OMP5F9xZRA8fJL3Tt5c2d.fTjLLDznwq", "pässwörd – 密碼"},
	{"bcrypt, Django", "bcrypt$$2b$04$.6X94oepx2T0mFmdnocPzOpvuJnP9M5oMzloQOrk53Nr/FsEjqJoK", ""},
	{"PBKDF2, Django", "pbkdf2_sha256$1000$ZrRb5Tn0cTjDq6Zp4QwJtX$OvIQPxFOkA6ZYYu0VTLoNp0UL746zajIER3ECfuW6x0=", ""},
	{"PBKDF2, Django, not ASCII", "pbkdf2_sha256$1000$ZrRb5Tn0cTjDq6Zp4QwJtX$BsBpNmUeYLfKZB2Bxm6xTRt6XTls6ZimG3vS353fWTg=", "pässwörd – 密碼"},
	{"PBKDF2 SHA-256, passlib", "$pbkdf2-sha256$1000$8PHy8/T19vf4.fr7/P3./w$0A35jjZ8X.jm/Nj9sc4uzmU/RqA2wljSyf5enbVFSOY", ""},
	{"PBKDF2 SHA-512, passlib", "$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$7Ny4dUakS7JIZAfjYpLQGSZsWvUihs7A6xXDgyqRrc3BkpXb3nL1/MvPpT3VxDAwU6FzpGn1KkCfA3fC7/680Q", ""},
	{"PBKDF2 SHA-256, PHC, hashlib", "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI", ""},
	{"PBKDF2 SHA-512, PHC, hashlib", "$pbkdf2-sha512$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr+mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC+oDhRoeIja9J1iLIv9ptDJMfQ", ""},
	{"scrypt, passlib", "$scrypt$ln=10,r=8,p=2$eg8BgPAeIwTAOEfo/T8nBA$RS2pESFOtX2+opYzm6IHO6qMAZ1JDQ+R1SIwzGTeaL4", ""},
	{"scrypt, hashlib", "$scrypt$ln=11,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$oPDCewmhfP7u4xIQRlcKeESNK80eSXkogVNui7f3nGY", ""},
	{"scrypt of 64 bytes, Node", "$scrypt$ln=12,r=4,p=3$MDEyMzQ1Njc4OWFiY2RlZg$xTEh9NEXb008bQzToTjvgRkFrL+AditfLtoU29MdYnOC1NBx6Se5RgKP/YCa8ycEJ7VGDU4+pF7Vu56uO/DtOw", ""},
	{"argon2i, argon2-cffi", "$argon2i$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$npc+DxKV2aFAYE2CysNW/FRsvGLFX9ABqsyRqwU9Z90", ""},
	{"argon2id, argon2-cffi", "$argon2id$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$1G06hvLNVYYOip8xNneh7BSEw9mz3/2HyKr1gHMPrPg", ""},
	{"argon2id of 16 bytes, passlib", "$argon2id$v=19$m=1024,t=2,p=4$cO69F4Jw7v0/R8h5j/Feyw$yv34O1ELq9Bb3Tf0mDGZmw", ""},
	{"argon2id, Django", "argon2$argon2id$v=19$m=102400,t=2,p=8$WnJSYjVUbjBjVGpEcTZacDRRd0p0WA$b8YfkYX75z9rFb+scgqYPWpPI4QMt5YKa1zXEub7HjA", ""},
}

func TestForeignHashes(t *testing.T) {
	for _, f := range foreignHashes {
		password := f.password
		if password == "" {
			password = foreignPassword
		}
		if why := CheckHash(f.hash); why != "" {
			t.Errorf("%s: %s", f.name, why)
			continue
		}
		if ok, stale, err := newHasher().check(f.hash, password); !ok || !stale || err != nil {
			t.Errorf("%s: %v, %v, %v", f.name, ok, stale, err)
		}
		for _, wrong := range []string{"", password + "x", strings.ToUpper(password), password + "\x00"} {
			if ok, stale, err := newHasher().check(f.hash, wrong); ok || stale || err != nil {
				t.Errorf("%s, %q: %v, %v, %v", f.name, wrong, ok, stale, err)
			}
		}
	}
}

// bcrypt looks at 72 bytes. Who has a longer password keeps his hash until he sets
// another password: what he typed behind the cut may be wrong.
func TestBcryptCuts(t *testing.T) {
	const hash = "$2b$04$ySlteTrHO0jsiVyDDQN36uNAbTHyMYJBptUu9AHtDxTDwjYeUfkna" // of 72 x and "tail", by bcrypt 4.0.1
	for _, c := range []struct {
		password  string
		ok, stale bool
	}{
		{strings.Repeat("x", 72) + "tail", true, false},
		{strings.Repeat("x", 72) + "another", true, false},
		{strings.Repeat("x", 72), true, true},
		{strings.Repeat("x", 71), false, false},
		{strings.Repeat("x", 73), true, false},
		{strings.Repeat("x", 72) + "\x00", false, false},
	} {
		if ok, stale, err := newHasher().check(hash, c.password); ok != c.ok || stale != c.stale || err != nil {
			t.Errorf("%d bytes: %v, %v, %v", len(c.password), ok, stale, err)
		}
	}
}

// Whoever comes with a foreign hash has one of ours after his first right sign-in.
func TestForeignHashIsRenewed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, users := peopled(w)
		hash := func() string {
			var p passwordRow
			must(t, w.DB.For(c.admin).Where("user_id = ?", users["bob"].ID).Take(&p).Error)
			return p.Hash
		}
		for _, f := range foreignHashes {
			if f.password != "" {
				continue
			}
			must(t, w.KeepHash(c.admin, users["bob"].ID, f.hash))
			if _, err := w.CheckPassword(c.ctx, "bob", "wrong"); !errors.Is(err, ErrWrongPassword) || hash() != f.hash {
				t.Errorf("%s, a wrong password: %v", f.name, err)
			}
			for range 2 {
				if l, err := w.CheckPassword(c.ctx, "bob", foreignPassword); err != nil || l.ID != users["bob"].ID {
					t.Errorf("%s: %v", f.name, err)
				}
			}
			if h := hash(); !strings.HasPrefix(h, "$argon2id$v=19$m=8,t=1,p=1$") {
				t.Errorf("%s: not renewed", f.name)
			}
		}
		before := hash()
		for _, bad := range []string{"", "taken", "$2b$31$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy"} {
			if err := w.KeepHash(c.admin, users["bob"].ID, bad); !problem.Is(err, problem.Invalid) || hash() != before {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

func TestForeignHashesOfABadForm(t *testing.T) {
	const (
		bcrypt = "$2b$04$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy"
		django = "pbkdf2_sha256$1000$ZrRb5Tn0cTjDq6Zp4QwJtX$OvIQPxFOkA6ZYYu0VTLoNp0UL746zajIER3ECfuW6x0="
		phc    = "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI"
		scrypt = "$scrypt$ln=11,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$oPDCewmhfP7u4xIQRlcKeESNK80eSXkogVNui7f3nGY"
		argon  = "$argon2id$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$1G06hvLNVYYOip8xNneh7BSEw9mz3/2HyKr1gHMPrPg"
	)
	for name, c := range map[string]struct{ hash, why string }{
		"empty":                  {"", "known are"},
		"a password":             {"correct horse", "known are"},
		"MD5 crypt":              {"$1$abcdefgh$Zk9Cu4gB2Wz0xkVJ1nWTd1", "known are"},
		"SHA-512 crypt":          {"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/", "known are"},
		"hex of SHA-256":         {strings.Repeat("ab", 32), "known are"},
		"too long":               {argon + strings.Repeat("A", 512), "known are"},
		"bcrypt 2x":              {strings.Replace(bcrypt, "$2b$", "$2x$", 1), "known are"},
		"bcrypt 2":               {strings.Replace(bcrypt, "$2b$", "$2$", 1), "known are"},
		"bcrypt cost 3":          {strings.Replace(bcrypt, "$04$", "$03$", 1), "known are"},
		"bcrypt cost 15":         {strings.Replace(bcrypt, "$04$", "$15$", 1), "too much"},
		"bcrypt cost 4":          {strings.Replace(bcrypt, "$04$", "$4$", 1), "known are"},
		"bcrypt cut":             {bcrypt[:59], "known are"},
		"bcrypt and more":        {bcrypt + "a", "known are"},
		"bcrypt and a line":      {bcrypt + "\n", "known are"},
		"bcrypt with other text": {strings.Replace(bcrypt, "/", "!", 1), "known are"},
		"bcrypt-SHA-256, Django": {"bcrypt_sha256$" + bcrypt, "known are"},
		"Django SHA-1":           {strings.Replace(django, "sha256", "sha1", 1), "known are"},
		"Django no rounds":       {strings.Replace(django, "$1000$", "$0$", 1), "known are"},
		"Django negative":        {strings.Replace(django, "$1000$", "$-1000$", 1), "known are"},
		"Django too many":        {strings.Replace(django, "$1000$", "$2000001$", 1), "too much"},
		"Django overflow":        {strings.Replace(django, "$1000$", "$99999999999999999999$", 1), "too much"},
		"Django leading zero":    {strings.Replace(django, "$1000$", "$01000$", 1), "known are"},
		"Django short salt":      {strings.Replace(django, "ZrRb5Tn0cTjDq6Zp4QwJtX", "salt", 1), "of a size"},
		"Django no sum":          {"pbkdf2_sha256$1000$ZrRb5Tn0cTjDq6Zp4QwJtX$", "of a size"},
		"Django sum of 64":       {"pbkdf2_sha256$1000$ZrRb5Tn0cTjDq6Zp4QwJtX$" + strings.Repeat("MDEy", 20), "of a size"},
		"Django a part more":     {django + "$", "known are"},
		"PHC other length":       {strings.Replace(phc, "l=32", "l=64", 1), "known are"},
		"PHC other order":        {strings.Replace(phc, "i=1000,l=32", "l=32,i=1000", 1), "known are"},
		"PHC as Django":          {strings.Replace(phc, "$pbkdf2-", "$pbkdf2_", 1), "known are"},
		"PHC line break":         {strings.Replace(phc, "MDEy", "MD\nEy", 1), "known are"},
		"PHC not canonical":      {strings.TrimSuffix(phc, "I") + "J", "known are"},
		"scrypt N too much":      {strings.Replace(scrypt, "ln=11", "ln=21", 1), "too much"},
		"scrypt memory":          {strings.Replace(scrypt, "ln=11,r=8", "ln=19,r=8", 1), "too much"},
		"scrypt memory and p":    {strings.Replace(scrypt, "ln=11,r=8,p=1", "ln=18,r=8,p=3", 1), "too much"},
		"scrypt r":               {strings.Replace(scrypt, "r=8", "r=1073741824", 1), "too much"},
		"scrypt p":               {strings.Replace(scrypt, "p=1", "p=17", 1), "too much"},
		"scrypt r 0":             {strings.Replace(scrypt, "r=8", "r=0", 1), "known are"},
		"scrypt ln 0":            {strings.Replace(scrypt, "ln=11", "ln=0", 1), "known are"},
		"scrypt, Django":         {"scrypt$16384$saltsalt$8$5$" + strings.Repeat("MDEy", 8), "known are"},
		"argon2d":                {strings.Replace(argon, "argon2id", "argon2d", 1), "known are"},
		"argon2 v=16":            {strings.Replace(argon, "v=19", "v=16", 1), "only v=19"},
		"argon2 memory":          {strings.Replace(argon, "m=1024", "m=262145", 1), "too much"},
		"argon2 memory and time": {strings.Replace(argon, "m=1024,t=2", "m=262144,t=5", 1), "too much"},
	} {
		if why := CheckHash(c.hash); !strings.Contains(why, c.why) || c.hash != "" && strings.Contains(why, c.hash) {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// What comes from Django, bcrypt and passlib today is cheap enough.
func TestUsualCostsAreTaken(t *testing.T) {
	for _, hash := range []string{
		"$2y$12$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy",
		"pbkdf2_sha256$1500000$ZrRb5Tn0cTjDq6Zp4QwJtX$OvIQPxFOkA6ZYYu0VTLoNp0UL746zajIER3ECfuW6x0=",
		"$scrypt$ln=17,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$oPDCewmhfP7u4xIQRlcKeESNK80eSXkogVNui7f3nGY",
		"$argon2id$v=19$m=262144,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$1G06hvLNVYYOip8xNneh7BSEw9mz3/2HyKr1gHMPrPg",
		"$argon2id$v=19$m=102400,t=2,p=8$MDEyMzQ1Njc4OWFiY2RlZg$1G06hvLNVYYOip8xNneh7BSEw9mz3/2HyKr1gHMPrPg",
	} {
		if why := CheckHash(hash); why != "" {
			t.Errorf("%s: %s", hash, why)
		}
	}
}

// FuzzReadHash looks for a hash that is let through and costs too much, and for one that
// cannot be checked after all.
func FuzzReadHash(f *testing.F) {
	for _, h := range foreignHashes {
		f.Add(h.hash)
	}
	f.Add("$argon2id$v=19$m=0,t=0,p=0$$")
	f.Add("$scrypt$ln=20,r=32,p=16$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg")
	f.Fuzz(func(t *testing.T, hash string) {
		k, err := readHash(hash)
		if err != nil {
			return
		}
		cheap := true // to be computed here
		switch k := k.(type) {
		case argonHash:
			p := k.params
			if p.memory == 0 || p.time == 0 || p.threads == 0 || p.threads > 16 || p.memory > 256*1024 || uint64(p.memory)*uint64(p.time) > 1024*1024 || len(k.sum) > 64 || len(k.salt) > 64 {
				t.Errorf("%q lets %v through", hash, p)
			}
			cheap = p.memory*p.time < 4096
		case scryptHash:
			if mem := uint64(128) << k.logN * uint64(k.r); mem > 256<<20 || mem*uint64(k.p) > 512<<20 || len(k.sum) > 64 {
				t.Errorf("%q lets %+v through", hash, k)
			}
			cheap = (k.r*k.p)<<k.logN < 1<<14
		case pbkdf2Hash:
			if k.iterations < 1 || k.iterations > 2_000_000 || len(k.sum) > 64 {
				t.Errorf("%q lets %d through", hash, k.iterations)
			}
			cheap = k.iterations < 2000
		case bcryptHash:
			cheap = strings.Contains(hash, "$04$")
		}
		if !cheap {
			return
		}
		if ok, _, err := newHasher().check(hash, "not the password of anything"); ok || err != nil {
			t.Errorf("%q: %v %v", hash, ok, err)
		}
	})
}
