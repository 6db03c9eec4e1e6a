package masterkey

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"twofold/internal/db"
	"twofold/internal/seal"
	"twofold/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) { testkit.CheckModels(t, url, &houseKeyRow{}) })
}

func sealer(t *testing.T, fills ...byte) *seal.Sealer {
	t.Helper()
	var keys [][]byte
	for _, f := range fills {
		keys = append(keys, bytes.Repeat([]byte{f}, seal.KeySize))
	}
	s, err := seal.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func load(t *testing.T, d *db.DB, s *seal.Sealer) *seal.Sealer {
	t.Helper()
	loaded, err := House{DB: d, Seal: s}.Load(t.Context(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// Replicas that start at once on a fresh database agree on one key of MACs.
func TestLoadDrawsOnce(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d := open(t, url)
		all := make([]*seal.Sealer, 12)
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() {
				var err error
				if all[i], err = (House{DB: d, Seal: sealer(t, 1)}).Load(t.Context(), rand.Reader); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for i, s := range all {
			if !bytes.Equal(s.MAC("x", "y"), all[0].MAC("x", "y")) {
				t.Errorf("replica %d has another key of MACs", i)
			}
		}
		if sealer(t, 1).CheckMAC(all[0].MAC("x", "y"), "x", "y") {
			t.Error("the key of MACs follows from the master key")
		}
		if origin, err := (House{DB: d}).Origin(t.Context()); err != nil || origin != Drawn {
			t.Errorf("origin %q, %v", origin, err)
		}
		after := load(t, d, sealer(t, 2, 1))
		if !bytes.Equal(after.MAC("x", "y"), all[0].MAC("x", "y")) {
			t.Error("with another key in front MACs are other ones")
		}
	})
}

// A database that was there before keeps its MACs: those under the key of today, and
// those from before an earlier change of the key.
func TestLoadAdopts(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d := open(t, url)
		var gone []string
		err := d.QueryRaw(t.Context(), &gone, "INSERT INTO house_keys (id, sealed, origin) VALUES ('mac', '', ?) RETURNING id", Adopted)
		if err != nil {
			t.Fatal(err)
		}
		before, today := sealer(t, 1).MAC("x", "y"), sealer(t, 2, 1).MAC("x", "y")
		loaded := load(t, d, sealer(t, 2, 1))
		if !bytes.Equal(loaded.MAC("x", "y"), today) {
			t.Error("MACs are not those that replicas of the version before make")
		}
		if _, err := (House{DB: d, Seal: loaded}).SealedColumns()[0].Reseal(t.Context(), func(int64) {}); err != nil {
			t.Fatal(err)
		}
		for _, later := range []*seal.Sealer{loaded, load(t, d, sealer(t, 3, 2)), load(t, d, sealer(t, 2))} {
			if !later.CheckMAC(before, "x", "y") || !later.CheckMAC(today, "x", "y") {
				t.Error("a MAC of before does not fit")
			}
		}
		if origin, err := (House{DB: d}).Origin(t.Context()); err != nil || origin != Adopted {
			t.Errorf("origin %q, %v", origin, err)
		}
	})
}

func TestLoadFailsClosed(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d := open(t, url)
		if s, err := (House{DB: d, Seal: sealer(t, 1)}).Load(t.Context(), iotest.ErrReader(errors.New("none"))); err == nil || s != nil {
			t.Error("loaded without randomness")
		}
		load(t, d, sealer(t, 1))
		s, err := House{DB: d, Seal: sealer(t, 2)}.Load(t.Context(), rand.Reader)
		if err == nil || s != nil || !strings.Contains(err.Error(), sealer(t, 1).KeyIDs()[0]) {
			t.Errorf("under a foreign master key: %v", err)
		}
		row := houseKeyRow{ID: macID}
		short := sealer(t, 1).Seal([]byte("short"), row.place()...)
		if err := d.For(t.Context()).Model(&row).Where("id = ?", macID).UpdateColumn("sealed", short).Error; err != nil {
			t.Fatal(err)
		}
		if s, err := (House{DB: d, Seal: sealer(t, 1)}).Load(t.Context(), rand.Reader); err == nil || s != nil {
			t.Error("loaded a key that is too short")
		}
	})
}

const many = 2*pageSize + 50

// fill makes many rows under a key.
func fill(t *testing.T, d *db.DB, s *seal.Sealer) {
	t.Helper()
	for i := range many {
		r := houseKeyRow{ID: fmt.Sprintf("row %04d", i)}
		r.Sealed = s.Seal([]byte(r.ID), r.place()...)
		if err := d.For(t.Context()).Create(&r).Error; err != nil {
			t.Fatal(err)
		}
	}
}

func count(t *testing.T, d *db.DB) map[string]int64 {
	t.Helper()
	n, err := House{DB: d}.SealedColumns()[0].Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Two at once, with somebody who writes meanwhile, under the old key too.
func TestReseal(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d := open(t, url)
		old, next := sealer(t, 1), sealer(t, 2, 1)
		fill(t, d, old)
		first, stop := context.WithCancel(t.Context())
		r, err := House{DB: d, Seal: next}.SealedColumns()[0].Reseal(first, func(int64) { stop() })
		if err == nil || r.Resealed < pageSize || r.Resealed == many {
			t.Errorf("stopped after the first page: %+v, %v", r, err)
		}
		var wg sync.WaitGroup
		for i := range 40 { // the writer, with the old key in front
			row := houseKeyRow{ID: fmt.Sprintf("row %04d", many-1-i)}
			wg.Go(func() {
				sealed := sealer(t, 1, 2).Seal([]byte("changed"), row.place()...)
				if err := db.One(d.For(t.Context()).Model(&row).Where("id = ?", row.ID).UpdateColumn("sealed", sealed)); err != nil {
					t.Error(err)
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				if r, err := (House{DB: d, Seal: next}).SealedColumns()[0].Reseal(t.Context(), func(int64) {}); err != nil || r.Closed > 0 {
					t.Errorf("%+v, %v", r, err)
				}
			})
		}
		wg.Wait()
		if _, err := (House{DB: d, Seal: next}).SealedColumns()[0].Reseal(t.Context(), func(int64) {}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, d); len(n) != 1 || n[next.KeyIDs()[0]] != many {
			t.Errorf("counted %v", n)
		}
		var rows []houseKeyRow
		if err := d.For(t.Context()).Order("id").Find(&rows).Error; err != nil || len(rows) != many {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for i, row := range rows {
			want := row.ID
			if i >= many-40 {
				want = "changed"
			}
			if got, err := sealer(t, 2).Open(row.Sealed, row.place()...); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", row.ID, got, err)
			}
		}
		if r, err := (House{DB: d, Seal: next}).SealedColumns()[0].Reseal(t.Context(), func(int64) {}); err != nil || r != (Report{}) {
			t.Errorf("a second run: %+v, %v", r, err)
		}
	})
}

// What does not open is counted, left alone, and holds up nothing.
func TestResealPassesOverWhatDoesNotOpen(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		d := open(t, url)
		fill(t, d, sealer(t, 1))
		foreign := houseKeyRow{ID: "a foreign one"}
		foreign.Sealed = sealer(t, 9).Seal([]byte("x"), foreign.place()...)
		damaged := houseKeyRow{ID: "damaged", Sealed: "not sealed at all"}
		for _, r := range []houseKeyRow{foreign, damaged} {
			if err := d.For(t.Context()).Create(&r).Error; err != nil {
				t.Fatal(err)
			}
		}
		r, err := House{DB: d, Seal: sealer(t, 2, 1)}.SealedColumns()[0].Reseal(t.Context(), func(int64) {})
		if err != nil || r != (Report{Resealed: many, Closed: 2}) {
			t.Errorf("%+v, %v", r, err)
		}
		n := count(t, d)
		if n[sealer(t, 2).KeyIDs()[0]] != many || n[sealer(t, 9).KeyIDs()[0]] != 1 || n[""] != 1 || len(n) != 3 {
			t.Errorf("counted %v", n)
		}
	})
}
