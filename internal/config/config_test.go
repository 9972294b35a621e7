package config_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
)

const (
	anID    = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f104"
	otherID = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f105"

	// planted is the secret key that no message may show, nor any part of it
	// that is as long as a group of its digits.
	planted = "5ec2e700-cafe-4bad-8bad-c0ffee15dead"
)

// required are the settings without a default, and nothing else.
func required(more ...string) []string {
	return append([]string{
		"ROTATOR_ACCESS_KEY=SCWEXAMPLE0000000000",
		"ROTATOR_SECRET_KEY=" + planted,
		"ROTATOR_ORGANIZATION_ID=0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101",
		"ROTATOR_PROJECT_ID=0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102",
	}, more...)
}

// defaults is what required comes to.
func defaults() config.Config {
	return config.Config{
		AccessKey:      "SCWEXAMPLE0000000000",
		SecretKey:      redact.New(planted),
		OrganizationID: "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101",
		ProjectID:      "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102",

		Interval:     24 * time.Hour,
		RotateAfter:  30 * 24 * time.Hour,
		Grace:        7 * 24 * time.Hour,
		KeyLifetime:  90 * 24 * time.Hour,
		VerifyWindow: time.Minute,
		VerifyBound:  2 * time.Minute,
		LegacyTokens: config.TokensDelete,

		OwnKey:       config.OwnKeyRotate,
		Consumers:    config.ConsumersDeliver,
		HandMadeKeys: config.HandMadeHold,
		DeployBound:  6 * time.Minute,

		SecretPath:   "/rotator",
		SecretRegion: "fr-par",

		ProbePath:    "/favicon.ico",
		ProbeTimeout: 10 * time.Second,

		Budget:            14 * time.Minute,
		Concurrency:       8,
		ProbeConcurrency:  64,
		RequestsPerSecond: 100,
		APIURL:            config.DefaultAPIURL,
		LogLevel:          slog.LevelInfo,

		NotifyOn: config.NotifyFailure,
	}
}

func TestRightConfigurationIsAccepted(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for name, row := range map[string]struct {
		environ []string
		want    func(*config.Config) // what differs from the defaults
	}{
		"only what is required": {nil, func(*config.Config) {}},
		"every setting": {
			[]string{
				"ROTATOR_REGIONS=nl-ams,fr-par", "ROTATOR_APPLICATIONS=" + anID + "," + otherID,
				"ROTATOR_INTERVAL=12h", "ROTATOR_ROTATE_AFTER=10d", "ROTATOR_GRACE=36h", "ROTATOR_KEY_LIFETIME=20d12h",
				"ROTATOR_VERIFY_WINDOW=90s", "ROTATOR_VERIFY_BOUND=3m", "ROTATOR_LEGACY_TOKENS=report",
				"ROTATOR_OWN_KEY=keep", "ROTATOR_CONSUMERS=report", "ROTATOR_CONSUMERS_EXCLUDE=legacy-shop,orders_api.2",
				"ROTATOR_HAND_MADE_KEYS=retire", "ROTATOR_DEPLOY_BOUND=90s",
				"ROTATOR_SECRET_PATH=/teams/shop_1/api.keys", "ROTATOR_SECRET_REGION=pl-waw",
				"ROTATOR_PROBE_PATH=/health%20check/~me", "ROTATOR_PROBE_TIMEOUT=2500ms",
				"ROTATOR_BUDGET=5m", "ROTATOR_CONCURRENCY=3", "ROTATOR_PROBE_CONCURRENCY=5", "ROTATOR_REQUESTS_PER_SECOND=7",
				"ROTATOR_API_URL=https://api.example.com:8443", "ROTATOR_LOG_LEVEL=debug",
			},
			func(c *config.Config) {
				c.Regions, c.Applications = []string{"nl-ams", "fr-par"}, []string{anID, otherID}
				c.Interval, c.RotateAfter, c.Grace, c.KeyLifetime = 12*time.Hour, 240*time.Hour, 36*time.Hour, 492*time.Hour
				c.VerifyWindow, c.VerifyBound, c.LegacyTokens = 90*time.Second, 3*time.Minute, config.TokensReport
				c.OwnKey, c.Consumers, c.ConsumersExclude = config.OwnKeyKeep, config.ConsumersReport, []string{"legacy-shop", "orders_api.2"}
				c.HandMadeKeys, c.DeployBound = config.HandMadeRetire, 90*time.Second
				c.SecretPath, c.SecretRegion = "/teams/shop_1/api.keys", "pl-waw"
				c.ProbePath, c.ProbeTimeout = "/health%20check/~me", 2500*time.Millisecond
				c.Budget, c.Concurrency, c.ProbeConcurrency, c.RequestsPerSecond = 5*time.Minute, 3, 5, 7
				c.APIURL, c.LogLevel = "https://api.example.com:8443", slog.LevelDebug
			},
		},
		"empty variables count as absent": {
			[]string{"ROTATOR_GRACE=", "ROTATOR_REGIONS=", "ROTATOR_APPLICATIONS=", "ROTATOR_API_URL=", "ROTATOR_NO_SUCH=", "SCW_DEBUG="},
			func(*config.Config) {},
		},
		"other people's variables are not looked at": {
			[]string{"SCW_SECRET_KEY=x", "SCW_API_URL=http://example.com", "PATH=/bin", "rotator_grace=x", "MY_ROTATOR_GRACE=x", "PORT"},
			func(*config.Config) {},
		},
		"the last of two counts": {
			[]string{"ROTATOR_GRACE=1d", "ROTATOR_GRACE=2d"},
			func(c *config.Config) { c.Grace = 48 * time.Hour },
		},
		"lists with spaces, commas at the ends and repeated regions": {
			[]string{"ROTATOR_REGIONS= fr-par, nl-ams,,fr-par ", "ROTATOR_APPLICATIONS=," + anID + " " + otherID},
			func(c *config.Config) {
				c.Regions, c.Applications = []string{"fr-par", "nl-ams"}, []string{anID, otherID}
			},
		},

		"grace exactly as long as the interval": {
			[]string{"ROTATOR_ROTATE_AFTER=30d", "ROTATOR_GRACE=30d"},
			func(c *config.Config) { c.Grace = 720 * time.Hour },
		},
		"a lifetime of exactly age, interval and grace": {
			[]string{"ROTATOR_KEY_LIFETIME=38d"},
			func(c *config.Config) { c.KeyLifetime = 38 * 24 * time.Hour },
		},
		"a window exactly as long as the bound": {
			[]string{"ROTATOR_VERIFY_WINDOW=2m"},
			func(c *config.Config) { c.VerifyWindow = 2 * time.Minute },
		},
		"a budget that just holds one verification": {
			[]string{"ROTATOR_BUDGET=3m20s"},
			func(c *config.Config) { c.Budget = 200 * time.Second },
		},
		"the least of everything": {
			[]string{
				"ROTATOR_ROTATE_AFTER=1h", "ROTATOR_GRACE=1h", "ROTATOR_KEY_LIFETIME=130m", "ROTATOR_INTERVAL=10m",
				"ROTATOR_VERIFY_WINDOW=1s", "ROTATOR_VERIFY_BOUND=1s", "ROTATOR_BUDGET=81s",
				"ROTATOR_PROBE_TIMEOUT=1s", "ROTATOR_CONCURRENCY=1", "ROTATOR_PROBE_CONCURRENCY=1", "ROTATOR_REQUESTS_PER_SECOND=1",
				"ROTATOR_SECRET_PATH=/", "ROTATOR_PROBE_PATH=/",
			},
			func(c *config.Config) {
				c.RotateAfter, c.Grace, c.KeyLifetime, c.Interval = time.Hour, time.Hour, 130*time.Minute, 10*time.Minute
				c.VerifyWindow, c.VerifyBound, c.Budget = time.Second, time.Second, 81*time.Second
				c.ProbeTimeout, c.Concurrency, c.ProbeConcurrency, c.RequestsPerSecond = time.Second, 1, 1, 1
				c.SecretPath, c.ProbePath = "/", "/"
			},
		},
		"the most of everything": {
			[]string{
				"ROTATOR_ROTATE_AFTER=3284d", "ROTATOR_GRACE=1d", "ROTATOR_KEY_LIFETIME=3650d", "ROTATOR_INTERVAL=365d",
				"ROTATOR_VERIFY_WINDOW=10m", "ROTATOR_VERIFY_BOUND=10m", "ROTATOR_BUDGET=1h",
				"ROTATOR_PROBE_TIMEOUT=1m", "ROTATOR_CONCURRENCY=64", "ROTATOR_PROBE_CONCURRENCY=256", "ROTATOR_REQUESTS_PER_SECOND=1000",
			},
			func(c *config.Config) {
				c.RotateAfter, c.Grace, c.KeyLifetime, c.Interval = 9*year-24*time.Hour, 24*time.Hour, 10*year, year
				c.VerifyWindow, c.VerifyBound, c.Budget = 10*time.Minute, 10*time.Minute, time.Hour
				c.ProbeTimeout, c.Concurrency, c.ProbeConcurrency, c.RequestsPerSecond = time.Minute, 64, 256, 1000
			},
		},

		"a slash after the URL":         url("https://api.scaleway.com/", "https://api.scaleway.com"),
		"a question mark after the URL": url("https://api.scaleway.com?", "https://api.scaleway.com"),
		"a scheme in capitals":          url("HTTPS://api.scaleway.com", "https://api.scaleway.com"),
		"http to this machine by name":  url("http://localhost:8080", "http://localhost:8080"),
		"http to this machine by IPv4":  url("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
		"http to the loopback network":  url("http://127.200.0.1", "http://127.200.0.1"),
		"http to this machine by IPv6":  url("http://[::1]:8080", "http://[::1]:8080"),
		"all tokens without exception": {
			[]string{"ROTATOR_LEGACY_TOKENS=delete-all"},
			func(c *config.Config) { c.LegacyTokens = config.TokensDeleteAll },
		},
		"log level warn": {
			[]string{"ROTATOR_LOG_LEVEL=warn"},
			func(c *config.Config) { c.LogLevel = slog.LevelWarn },
		},
		"log level error": {
			[]string{"ROTATOR_LOG_LEVEL=error"},
			func(c *config.Config) { c.LogLevel = slog.LevelError },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			row.want(&want)
			got, err := config.Read(required(row.environ...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

// url is a row about one API URL.
func url(given, want string) (row struct {
	environ []string
	want    func(*config.Config)
},
) {
	row.environ = []string{"ROTATOR_API_URL=" + given}
	row.want = func(c *config.Config) { c.APIURL = want }
	return row
}

// The control secret is optional, long, and in no message.
func TestTheControlSecret(t *testing.T) {
	t.Parallel()
	const right = "0123456789abcdef0123456789ABCDEF"
	base := []string{
		"ROTATOR_ACCESS_KEY=SCWEXAMPLE0000000000", "ROTATOR_SECRET_KEY=" + planted,
		"ROTATOR_ORGANIZATION_ID=0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101", "ROTATOR_PROJECT_ID=0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102",
	}
	for value, ok := range map[string]bool{
		"": true, right: true, right[1:]: false, right + " ": false, " " + right: false, right + "\n": false, right + "é": false, planted: false,
	} {
		cfg, err := config.Read(append(slices.Clone(base), "ROTATOR_CONTROL_SECRET="+value))
		switch {
		case ok && (err != nil || cfg.ControlSecret.Reveal() != value):
			t.Errorf("%q: %v", value, err)
		case !ok && (err == nil || !strings.Contains(err.Error(), "at least 32") || strings.Contains(err.Error(), value)):
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestSecretKeyIsInNoMessage plants a secret key in the ways in which people
// get it wrong, each together with a mistake that makes for more text.
func TestSecretKeyIsInNoMessage(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"cut off":             {"ROTATOR_SECRET_KEY=" + planted[:30]},
		"too long":            {"ROTATOR_SECRET_KEY=" + planted + "0"},
		"without its dashes":  {"ROTATOR_SECRET_KEY=" + strings.ReplaceAll(planted, "-", "")},
		"in capitals":         {"ROTATOR_SECRET_KEY=" + strings.ToUpper(planted)},
		"between spaces":      {"ROTATOR_SECRET_KEY= " + planted + " "},
		"with a line's end":   {"ROTATOR_SECRET_KEY=" + planted + "\n"},
		"in quotes":           {`ROTATOR_SECRET_KEY="` + planted + `"`},
		"with its name":       {"ROTATOR_SECRET_KEY=SCW_SECRET_KEY=" + planted},
		"as the access key":   {"ROTATOR_ACCESS_KEY=" + planted},
		"swapped":             {"ROTATOR_ACCESS_KEY=" + planted, "ROTATOR_SECRET_KEY=SCWEXAMPLE0000000000"},
		"capitals, swapped":   {"ROTATOR_ACCESS_KEY=" + strings.ToUpper(planted), "ROTATOR_SECRET_KEY=SCWEXAMPLE0000000000"},
		"in a URL":            {"ROTATOR_API_URL=https://" + planted + "@api.scaleway.com"},
		"in a URL that is no": {"ROTATOR_API_URL=https://me:" + planted + " @api.scaleway.com"},
		"in unknown settings": {"ROTATOR_SECRET=" + planted, "ROTATOR_TOKEN=" + planted},
		"right, others wrong": {"ROTATOR_PROJECT_ID=demo", "ROTATOR_GRACE=x", "SCW_DEBUG=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Read(required(append(environ, "ROTATOR_LOG_LEVEL=loud")...))
			if err == nil {
				t.Fatal("the configuration was accepted")
			}
			hidden(t, err.Error(), planted)
			hidden(t, err.Error(), strings.ReplaceAll(planted, "-", ""))
			checkError(t, err)
		})
	}
}
