package rotator_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/version"
)

// The changelog's newest release is the one that this is.
func TestTheChangelogHasThisVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\S+)$`).FindSubmatch(text)
	if newest == nil || string(newest[1]) != version.Version {
		t.Errorf("the changelog's newest release is %s, and this is %s", newest, version.Version)
	}
}
