package db_test

import (
	"database/sql"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/internal/testkit"
)

// moment has more digits than PostgreSQL keeps, and is in another zone.
var moment = time.Date(2026, 3, 29, 3, 30, 0, 123456789, time.FixedZone("east", 2*3600))

func TestTimesAreUTCAndMicroseconds(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		must(t, d.For(asA(t)).Create(&thing{ID: "1", At: moment}).Error)
		want := time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)
		var x thing
		must(t, d.For(asA(t)).Take(&x).Error)
		if x.At != want { // also the location: no Equal
			t.Errorf("read back %v, want %v", x.At, want)
		}
		changed := []thing{}
		must(t, d.For(asA(t)).Model(&changed).Clauses(db.Returning()).Where("id = ?", "1").Update("n", 1).Error)
		if len(changed) != 1 || changed[0].At != want {
			t.Errorf("RETURNING gives %v, want %v", changed, want)
		}
		var back []time.Time
		must(t, d.QueryRaw(t.Context(), &back, "SELECT at FROM things"))
		if len(back) != 1 || back[0] != want {
			t.Errorf("raw query gives %v, want %v", back, want)
		}
	})
}

func TestTimeBounds(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		must(t, d.For(asA(t)).Create(&thing{ID: "1", At: moment}).Error)
		var null time.Time
		for _, c := range []struct {
			name  string
			where string
			bound any
			want  int64
		}{
			{"same, other zone", "at = ?", moment, 1},
			{"same, UTC", "at = ?", moment.UTC(), 1},
			{"same, in a west zone", "at <= ?", moment.In(time.FixedZone("west", -8*3600)), 1},
			{"finer than kept", "at >= ?", moment.Add(200 * time.Nanosecond), 1},
			{"a microsecond later", "at < ?", moment.Add(time.Microsecond), 1},
			{"a microsecond earlier", "at > ?", moment.Add(-time.Microsecond), 1},
			{"an hour later, in a zone where it reads earlier", "at > ?", moment.Add(time.Hour).In(time.FixedZone("west", -8*3600)), 0},
			{"an hour earlier, in a zone where it reads later", "at < ?", moment.Add(-time.Hour).In(time.FixedZone("east", 8*3600)), 0},
			{"pointer", "at = ?", &moment, 1},
			{"null time", "at = ?", sql.NullTime{Time: moment, Valid: true}, 1},
			{"generic null time", "at = ?", sql.Null[time.Time]{V: moment, Valid: true}, 1},
			{"the zero time", "at > ?", null, 1},
			{"list", "at IN ?", []time.Time{moment.Add(time.Hour), moment}, 1},
			{"expression", "at = ?", gorm.Expr("?", moment), 1},
		} {
			t.Run(c.name, func(t *testing.T) {
				var n int64
				must(t, d.For(asA(t)).Model(&thing{}).Where(c.where, c.bound).Count(&n).Error)
				if n != c.want {
					t.Errorf("found %d, want %d", n, c.want)
				}
			})
		}
	})
}

// SQLite keeps times as text: its order must be that of time all the same.
func TestTimesSortAsTime(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		rng := rand.New(rand.NewPCG(1, 2))
		var want []time.Time
		for i := range 60 {
			// Many ends of fractions: 0, .1, .12 … .123456.
			unit := []time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond, time.Millisecond, time.Microsecond}[i%5]
			at := time.Unix(1_700_000_000, rng.Int64N(3e9)).Truncate(unit)
			zone := time.FixedZone("", int(rng.Int64N(24)-12)*3600)
			must(t, d.For(asA(t)).Create(&thing{ID: string(rune('A' + i)), At: at.In(zone)}).Error)
			want = append(want, at.UTC())
		}
		slices.SortFunc(want, time.Time.Compare)
		var rows []thing
		must(t, d.For(asA(t)).Order("at").Find(&rows).Error)
		for i, r := range rows {
			if r.At != want[i] {
				t.Fatalf("place %d: %v, want %v", i, r.At, want[i])
			}
		}
		var n int64
		must(t, d.For(asA(t)).Model(&thing{}).Where("at < ?", want[30]).Count(&n).Error)
		if i, _ := slices.BinarySearchFunc(want, want[30], time.Time.Compare); int(n) != i {
			t.Errorf("%d before %v, want %d", n, want[30], i)
		}
	})
}

// stamped gets its times from Options.Now.
type stamped struct {
	ID        string `gorm:"primaryKey"`
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (stamped) PlatformOwned() {}

func TestStampsComeFromNow(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		clock := testkit.NewClock(moment)
		d := open(t, url, db.Options{Now: func() time.Time { return clock.Now().Add(789).In(time.Local) }})
		timeType := map[string]string{db.SQLite: "datetime", db.Postgres: "timestamptz"}[d.Dialect()]
		_, err := d.SQL().ExecContext(t.Context(), "CREATE TABLE stampeds (id text, created_at "+timeType+", updated_at "+timeType+")")
		must(t, err)
		s := stamped{ID: "1"}
		must(t, d.For(t.Context()).Create(&s).Error)
		if s.CreatedAt != clock.Now() || s.UpdatedAt != clock.Now() {
			t.Errorf("stamped %v and %v, want %v", s.CreatedAt, s.UpdatedAt, clock.Now())
		}
	})
}

func TestMicros(t *testing.T) {
	got := db.Micros(moment)
	if want := time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if again := db.Micros(got); again != got {
		t.Errorf("not idempotent: %v, then %v", got, again)
	}
}
