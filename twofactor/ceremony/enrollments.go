package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// maxEnrollments is how many authenticators a user may have at one instance.
const maxEnrollments = 10

// enrollmentRow is an authenticator bound to a user. It belongs to the subscription,
// as the user and the instance do. Version is compared and raised by every use.
type enrollmentRow struct {
	SubscriptionID string `gorm:"primaryKey"`
	ID             string `gorm:"primaryKey"`
	UserID         string
	TwoFactorID    string
	Label          string
	Handle         string
	Host           string // where it was set up, if it works there alone; empty: at the server's own, or it works anywhere
	Sealed         string // State
	Uses           int64
	Preferred      bool
	Version        int64
	CreatedAt      time.Time
	LastUsedAt     *time.Time
}

func (enrollmentRow) TableName() string { return "enrollments" }

func (r enrollmentRow) place() []string {
	return []string{"enrollments", "sealed", r.SubscriptionID, r.ID, r.UserID, r.TwoFactorID}
}

var (
	errNoEnrollment = problem.New(problem.NotFound, "enrollment_unknown", "This is not set up any more.")
	errTooMany      = problem.New(problem.Conflict, "too_many_enrollments", "You have as many of these as you can have. Remove one first.")
	errTaken        = problem.New(problem.Conflict, "enrollment_taken", "This is set up already, for you or for somebody else.")
)

// held is one enrollment with the row it came from.
type held struct {
	twofactor.Enrollment
	row enrollmentRow
}

// holdings are a user's enrollments at one instance, oldest first.
type holdings []held

func (h holdings) all() []twofactor.Enrollment { return h.some(func(held) bool { return true }) }

// usable leaves out what is used up.
func (h holdings) usable() []twofactor.Enrollment {
	return h.some(func(e held) bool { return e.Uses != twofactor.UsedUp })
}

func (h holdings) some(want func(held) bool) (out []twofactor.Enrollment) {
	for _, e := range h {
		if want(e) {
			out = append(out, e.Enrollment)
		}
	}
	return out
}

func (h holdings) find(enrollmentID string) (held, bool) {
	for _, e := range h {
		if e.ID == enrollmentID {
			return e, true
		}
	}
	return held{}, false
}

// here are the enrollments at an instance that work where the user is.
func (c *Ceremony) here(ctx context.Context, inst twofactor.Instance) *gorm.DB {
	q := c.DB.For(ctx).Where("two_factor_id = ?", inst.ID)
	if inst.Info.HostBound {
		q = q.Where("host = ?", twofactor.HostFrom(ctx))
	}
	return q
}

// bound loads what a user has enrolled at an instance. The preferred one comes first.
func (c *Ceremony) bound(ctx context.Context, userID string, inst twofactor.Instance) (holdings, error) {
	var rows []enrollmentRow
	err := c.here(ctx, inst).Where("user_id = ?", userID).Order("preferred DESC, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("ceremony: enrollments: %w", err)
	}
	return c.open(rows)
}

func (c *Ceremony) open(rows []enrollmentRow) (holdings, error) {
	out := make(holdings, len(rows))
	for i, r := range rows {
		state, err := c.Seal.Open(r.Sealed, r.place()...)
		if err != nil {
			return nil, fmt.Errorf("ceremony: enrollment %s: %w", r.ID, err)
		}
		out[i] = held{twofactor.Enrollment{ID: r.ID, Label: r.Label, Handle: r.Handle, State: state, Uses: int(r.Uses)}, r}
	}
	return out, nil
}

// Standing is what a user has enrolled, in short.
type Standing struct {
	Count     map[string]int // of what he could use, by instance
	Preferred string         // the instance to begin with, among equals; may be empty

	at map[string]map[string]int // the same by host
}

// Away is how many of Count were set up at another host than this one; empty: the server's
// own. For what is not bound to a host that makes no difference.
func (s Standing) Away(host string) map[string]int {
	out := map[string]int{}
	for at, counts := range s.at {
		for id, n := range counts {
			if at != host {
				out[id] += n
			}
		}
	}
	return out
}

// Standing tells what a user could use.
func (c *Ceremony) Standing(ctx context.Context, userID string) (Standing, error) {
	var rows []enrollmentRow
	err := c.DB.For(ctx).Select("two_factor_id", "preferred", "host").Where("user_id = ? AND uses <> ?", userID, twofactor.UsedUp).Find(&rows).Error
	if err != nil {
		return Standing{}, fmt.Errorf("ceremony: standing: %w", err)
	}
	st := Standing{Count: map[string]int{}, at: map[string]map[string]int{}}
	for _, r := range rows {
		st.Count[r.TwoFactorID]++
		if st.at[r.Host] == nil {
			st.at[r.Host] = map[string]int{}
		}
		st.at[r.Host][r.TwoFactorID]++
		if r.Preferred {
			st.Preferred = r.TwoFactorID
		}
	}
	return st, nil
}

// standingPiece is how many users StandingOf asks for at a time: databases bound the
// number of parameters of a statement.
const standingPiece = 2000

// StandingOf tells for many users at once what each could use: Standing.Count by user. Who
// has nothing that he could use is not in it.
func (c *Ceremony) StandingOf(ctx context.Context, userIDs []string) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	for some := range slices.Chunk(userIDs, standingPiece) {
		var rows []struct {
			UserID, TwoFactorID string
			N                   int
		}
		err := c.DB.For(ctx).Model(&enrollmentRow{}).Select("user_id, two_factor_id, count(*) AS n").
			Where("user_id IN ? AND uses <> ?", some, twofactor.UsedUp).Group("user_id, two_factor_id").Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("ceremony: standing of many: %w", err)
		}
		for _, r := range rows {
			if out[r.UserID] == nil {
				out[r.UserID] = map[string]int{}
			}
			out[r.UserID][r.TwoFactorID] = r.N
		}
	}
	return out, nil
}

// Held is an enrollment as its user sees it.
type Held struct {
	ID, TwoFactorID, Label string
	Host                   string // where it works, if not everywhere; empty: at the server's own
	Uses                   int
	Preferred              bool
	CreatedAt              time.Time
	LastUsedAt             *time.Time
}

// Held lists what a user has enrolled, oldest first.
func (c *Ceremony) Held(ctx context.Context, userID string) ([]Held, error) {
	var rows []enrollmentRow
	if err := c.DB.For(ctx).Where("user_id = ?", userID).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("ceremony: held: %w", err)
	}
	out := make([]Held, len(rows))
	for i, r := range rows {
		out[i] = Held{r.ID, r.TwoFactorID, r.Label, r.Host, int(r.Uses), r.Preferred, r.CreatedAt, r.LastUsedAt}
	}
	return out, nil
}

// create keeps a new enrollment. Of a factor that stands in for others the user has
// one at a time: a new set takes the place of the old.
func (c *Ceremony) create(ctx context.Context, row challengeRow, inst twofactor.Instance, e twofactor.Enrollment) (Held, error) {
	if inst.Info.Fallback {
		if err := c.DB.For(ctx).Where("user_id = ? AND two_factor_id = ?", row.UserID, row.TwoFactorID).Delete(&enrollmentRow{}).Error; err != nil {
			return Held{}, fmt.Errorf("ceremony: replace enrollment: %w", err)
		}
	}
	r := enrollmentRow{
		SubscriptionID: db.ScopeOf(ctx).Subscription, ID: id.New(), UserID: row.UserID, TwoFactorID: row.TwoFactorID,
		Label: cleanLabel(e.Label, inst.Name), Handle: e.Handle, Uses: int64(e.Uses), Version: 1, CreatedAt: db.Micros(c.Now()),
	}
	if inst.Info.HostBound {
		r.Host = twofactor.HostFrom(ctx)
	}
	r.Sealed = c.Seal.Seal(e.State, r.place()...)
	err := c.DB.For(ctx).Create(&r).Error
	switch {
	case db.IsDuplicate(err):
		return Held{}, errTaken
	case err != nil:
		return Held{}, fmt.Errorf("ceremony: create enrollment: %w", err)
	}
	return Held{ID: r.ID, TwoFactorID: r.TwoFactorID, Label: r.Label, Uses: e.Uses, CreatedAt: r.CreatedAt}, nil
}

// errRaced: another answer has changed the enrollment since this one was judged.
var errRaced = errors.New("ceremony: enrollment has changed")

// keep writes what a use left of an enrollment, by compare-and-set: of two answers
// that were judged against the same state one is kept, so that a code of one use is
// used once, over all sign-ins and replicas.
func (c *Ceremony) keep(ctx context.Context, was held, now twofactor.Enrollment) error {
	err := db.One(c.DB.For(ctx).Model(&enrollmentRow{}).Where("id = ? AND version = ?", was.row.ID, was.row.Version).
		Updates(map[string]any{
			"sealed": c.Seal.Seal(now.State, was.row.place()...), "uses": int64(now.Uses), "version": was.row.Version + 1, "last_used_at": db.Micros(c.Now()),
		}))
	if errors.Is(err, db.ErrStale) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("ceremony: keep enrollment: %w", err)
	}
	return nil
}

const maxLabel = 60

// cleanLabel brings a label to one short line.
func cleanLabel(label, otherwise string) string {
	label = strings.Join(strings.Fields(strings.ToValidUTF8(label, "")), " ")
	for utf8.RuneCountInString(label) > maxLabel {
		_, size := utf8.DecodeLastRuneInString(label)
		label = label[:len(label)-size]
	}
	if label == "" {
		return otherwise
	}
	return label
}

// Rename gives one of the user's enrollments another label.
func (c *Ceremony) Rename(ctx context.Context, userID, enrollmentID, label string) error {
	label = cleanLabel(label, "")
	if label == "" {
		return problem.New(problem.Invalid, "label_empty", "Give it a name.")
	}
	return c.changeOne(ctx, userID, enrollmentID, map[string]any{"label": label})
}

// Prefer makes one of the user's enrollments the one to begin with.
func (c *Ceremony) Prefer(ctx context.Context, userID, enrollmentID string) error {
	return c.DB.Tx(ctx, func(ctx context.Context) error {
		err := c.DB.For(ctx).Model(&enrollmentRow{}).Where("user_id = ? AND preferred AND id <> ?", userID, enrollmentID).Updates(map[string]any{"preferred": false}).Error
		if err != nil {
			return fmt.Errorf("ceremony: prefer: %w", err)
		}
		return c.changeOne(ctx, userID, enrollmentID, map[string]any{"preferred": true})
	})
}

func (c *Ceremony) changeOne(ctx context.Context, userID, enrollmentID string, set map[string]any) error {
	err := db.One(c.DB.For(ctx).Model(&enrollmentRow{}).Where("id = ? AND user_id = ?", enrollmentID, userID).Updates(set))
	if errors.Is(err, db.ErrStale) {
		return errNoEnrollment
	}
	if err != nil {
		return fmt.Errorf("ceremony: change enrollment: %w", err)
	}
	return nil
}

// Remove takes one of the user's enrollments away, and returns what it was.
func (c *Ceremony) Remove(ctx context.Context, userID, enrollmentID string) (Held, error) {
	var row enrollmentRow
	err := c.DB.For(ctx).Where("id = ? AND user_id = ?", enrollmentID, userID).Take(&row).Error
	if err == nil {
		err = db.One(c.DB.For(ctx).Where("id = ? AND user_id = ?", enrollmentID, userID).Delete(&enrollmentRow{}))
	}
	switch {
	case db.IsNotFound(err), errors.Is(err, db.ErrStale):
		return Held{}, errNoEnrollment
	case err != nil:
		return Held{}, fmt.Errorf("ceremony: remove enrollment: %w", err)
	}
	return Held{ID: row.ID, TwoFactorID: row.TwoFactorID, Label: row.Label, Host: row.Host}, nil
}

// RemoveAll takes all of a user's enrollments away, as a help desk does for somebody
// who has lost them. How many there were is returned.
func (c *Ceremony) RemoveAll(ctx context.Context, userID string) (int64, error) {
	res := c.DB.For(ctx).Where("user_id = ?", userID).Delete(&enrollmentRow{})
	if res.Error != nil {
		return 0, fmt.Errorf("ceremony: remove enrollments: %w", res.Error)
	}
	return res.RowsAffected, nil
}
