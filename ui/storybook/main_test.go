package storybook_test

import (
	"os"
	"testing"

	"twofold/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
