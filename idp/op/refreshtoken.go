package op

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"twofold/internal/db"
	"twofold/tenants"
)

// A refresh token is "rt_" and base64url of grant id (16 bytes), generation (4
// bytes) and a MAC over issuer, grant and generation (32 bytes). It has no row: who
// cannot make the MAC never reaches the database, and a copy of the database
// gives nobody a token.
const (
	refreshPrefix  = "rt_"
	refreshPurpose = "op refresh token"
	refreshMAC     = 32
	refreshBytes   = 16 + 4 + refreshMAC
)

// giver names which issuer of which tenant a refresh token is of: another knows none of it.
func giver(ctx context.Context) string {
	tenant := db.ScopeOf(ctx).Tenant
	if host := tenants.RealmFrom(ctx).Host; host != "" {
		return tenant + "|" + host
	}
	return tenant
}

func (p *Provider) refreshToken(giver, grantID string, generation int64) string {
	u, err := uuid.Parse(grantID)
	if err != nil || generation < 0 || generation > math.MaxUint32 {
		return "" // cannot be: ids are ours, and nobody refreshes four billion times
	}
	b := make([]byte, 0, refreshBytes)
	b = append(b, u[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(generation))
	b = append(b, p.Seal.MAC(refreshPurpose, giver, grantID, strconv.FormatInt(generation, 10))...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// parseRefreshToken accepts exactly what refreshToken made for this giver.
func (p *Provider) parseRefreshToken(giver, token string) (grantID string, generation int64, ok bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(refreshBytes) || strings.ContainsAny(text, "\r\n") {
		return "", 0, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != refreshBytes {
		return "", 0, false
	}
	grantID = uuid.UUID(b[:16]).String()
	generation = int64(binary.BigEndian.Uint32(b[16:20]))
	if !p.Seal.CheckMAC(b[20:], refreshPurpose, giver, grantID, strconv.FormatInt(generation, 10)) {
		return "", 0, false
	}
	return grantID, generation, true
}
