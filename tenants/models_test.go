package tenants

import (
	"testing"

	"twofold/internal/testkit"
)

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		testkit.CheckModels(t, url,
			subscriptionRow{}, tenantRow{}, idpRow{}, tenantIDPRow{}, clientAppRow{}, tenantClientAppRow{}, clientSecretRow{}, userRow{},
			identityRow{}, passwordRow{}, membershipRow{}, groupRow{}, groupMemberRow{}, settingsRow{}, twoFactorRow{}, assignmentRow{},
			exemptionRow{}, stationRow{}, loginRow{}, templateRow{}, grantRow{}, enrolledRow{}, logoRow{})
	})
}
