package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
)

// FuzzRead gives Read an environment of any lines, with a secret key of any
// form. Whatever they are, Read does not panic and tells the same twice; an
// error is a *config.Error whose message does not hold the secret; and what is
// accepted is a policy that fits.
func FuzzRead(f *testing.F) {
	for _, file := range mistakes(f) {
		f.Add(strings.Join(readMistake(f, file).environ, "\n"), "5ec2e700")
	}
	f.Add("", "5ec2e700-cafe-4bad-8bad-c0ffee15dead")
	f.Fuzz(func(t *testing.T, environ, secret string) {
		const canary = "CANARY" // tells the secret from the same text elsewhere
		if strings.Contains(environ, canary) {
			t.Skip("the canary is not the secret's alone")
		}
		for _, lines := range [][]string{
			{"ROTATOR_SECRET_KEY=" + canary + secret},                                            // cannot be right
			{"ROTATOR_ACCESS_KEY=" + canary + secret, "ROTATOR_SECRET_KEY=SCWEXAMPLE0000000000"}, // in the wrong place
			{"ROTATOR_SECRET_KEY=" + secret},
		} {
			all := append(required(strings.Split(environ, "\n")...), lines...)
			cfg, err := config.Read(all)
			again, errAgain := config.Read(all)
			if diff := cmp.Diff(cfg, again); diff != "" {
				t.Errorf("read twice, it differs:\n%s", diff)
			}
			if diff := cmp.Diff(message(err), message(errAgain)); diff != "" {
				t.Errorf("read twice, the message differs:\n%s", diff)
			}
			if err != nil {
				if strings.Contains(err.Error(), canary) {
					t.Errorf("the message holds the secret:\n%v", err)
				}
				checkError(t, err)
				continue
			}
			if cfg.SecretKey.Reveal() != secret {
				t.Error("accepted, but the secret key is not the one given")
			}
			fits(t, cfg)
		}
	})
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fits checks what must hold of an accepted configuration.
func fits(t *testing.T, c config.Config) {
	t.Helper()
	for what, holds := range map[string]bool{
		"durations are positive": min(c.Interval, c.RotateAfter, c.Grace, c.KeyLifetime, c.VerifyWindow, c.VerifyBound, c.ProbeTimeout, c.Budget) > 0,
		"numbers are positive":   min(c.Concurrency, c.ProbeConcurrency, c.RequestsPerSecond) > 0,
		"grace fits":             c.Grace <= c.RotateAfter,
		"interval fits":          c.Interval <= c.RotateAfter && c.Budget <= c.Interval,
		"lifetime fits":          c.KeyLifetime >= c.RotateAfter+c.Interval+c.Grace,
		"window fits":            c.VerifyWindow <= c.VerifyBound,
		"budget fits":            c.Budget > c.VerifyBound+config.Margin,
		"identities are there":   c.AccessKey != "" && c.OrganizationID != "" && c.ProjectID != "" && !c.SecretKey.Empty(),
		"paths are absolute":     strings.HasPrefix(c.SecretPath, "/") && strings.HasPrefix(c.ProbePath, "/"),
		"the URL has no path":    strings.Count(c.APIURL, "/") == 2 && !strings.ContainsAny(c.APIURL, "?#@ "),
	} {
		if !holds {
			t.Errorf("accepted, but not so: %s\n%+v", what, c)
		}
	}
}
