package lists_test

import (
	"testing"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestVersionsAreDisabledAndDescribed(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, emulator.Demo())
	secret, err := r.CreateSecret(t.Context(), scaleway.Secret{Name: "n", Path: "/p", Region: "fr-par"}, "d")
	if err != nil {
		t.Fatal(err)
	}
	pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.OtherCanary)}
	if _, err := r.Publish(t.Context(), secret, pair, "first"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		do          func() error
		enabled     bool
		description string
	}{
		{func() error { return r.DisableVersion(t.Context(), secret, 1) }, false, "first"},
		{func() error { return r.DescribeVersion(t.Context(), secret, 1, "bad") }, false, "bad"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		versions, err := r.Versions(t.Context(), secret)
		if err != nil || versions[0].Enabled != step.enabled || versions[0].Description != step.description {
			t.Errorf("version %+v, error %v", versions[0], err)
		}
	}
}
