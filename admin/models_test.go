package admin

import (
	"testing"

	"twofold/internal/testkit"
)

func TestModels(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, url string) { testkit.CheckModels(t, url, &jobRow{}) })
}
