// Package config turns the environment into a Config, once, at the program's
// edge. It reports every problem at once, each with the variable, its value
// and what would be right, and never shows a secret. The settings and their
// defaults are those of docs/settings.md; nothing else in the program reads
// the environment.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/tell"
)

// Prefix starts the name of every setting. SCW_ is the platform's own.
const Prefix = "ROTATOR_"

// What to do with legacy tokens.
const (
	TokensDelete    = "delete"     // all but those whose callers would be locked out
	TokensDeleteAll = "delete-all" // all, without exception
	TokensReport    = "report"     // none, only say what is there
)

// What to do with consumers that carry a superseded key.
const (
	ConsumersDeliver = "deliver" // give them the current one
	ConsumersReport  = "report"  // only say who they are
)

// What becomes of keys that people made, once they are superseded.
const (
	HandMadeHold   = "hold"   // they live on while somebody may carry them for all that can be known
	HandMadeRetire = "retire" // they are deleted once their grace is over, unless somebody is seen to carry them
)

// What to do with the key that the function runs on.
const (
	OwnKeyRotate = "rotate" // as any other, last in a run
	OwnKeyKeep   = "keep"   // leave it to a person
)

// Which runs are told.
const (
	NotifyFailure = "failure" // those that failed
	NotifyChange  = "change"  // those that changed something, too
	NotifyAlways  = "always"  // all but dry runs
)

// DefaultAPIURL is Scaleway's API, and the default of ROTATOR_API_URL.
const DefaultAPIURL = "https://api.scaleway.com"

// Config is every setting, checked. Durations are positive.
type Config struct {
	AccessKey      string        // of the key that the function runs on
	SecretKey      redact.Secret // of the same key
	ControlSecret  redact.Secret // who sends it may ask for more than a plain run; empty: nobody may
	OrganizationID string        // UUID
	ProjectID      string        // UUID

	Regions      []string // empty: all that the API packages know
	Applications []string // UUIDs; empty: found by policy

	Interval     time.Duration // how far apart runs are
	RotateAfter  time.Duration // age at which a current key is replaced
	Grace        time.Duration // how long a superseded key lives on
	KeyLifetime  time.Duration // from creation to expires_at
	VerifyWindow time.Duration // over which a new key must keep working
	VerifyBound  time.Duration // after which it is given up
	LegacyTokens string        // TokensDelete, TokensDeleteAll or TokensReport

	OwnKey           string        // OwnKeyRotate or OwnKeyKeep
	Consumers        string        // ConsumersDeliver or ConsumersReport
	ConsumersExclude []string      // names of functions, containers and namespaces that are left as they are
	HandMadeKeys     string        // HandMadeHold or HandMadeRetire
	DeployBound      time.Duration // that a consumer has to become ready

	SecretPath   string // folder of Secret Manager in which the secrets live
	SecretRegion string

	ProbePath        string // on functions, and on containers without an HTTP health check
	ProbeTimeout     time.Duration
	ProbeApplication string // UUID of the one whose key asks every endpoint; "": one in scope

	Budget            time.Duration // of one run, from request to answer
	Concurrency       int           // requests to the API in flight
	ProbeConcurrency  int           // requests to endpoints in flight
	RequestsPerSecond int           // to the API, at the most
	APIURL            string
	LogLevel          slog.Level

	Notify    []tell.Target // who is told how a run ended
	NotifyOn  string        // NotifyFailure, NotifyChange or NotifyAlways
	Heartbeat tell.Heartbeat
}

// settings is the environment as text. Defaults stand here and nowhere else.
type settings struct {
	AccessKey         string `env:"ACCESS_KEY"`
	SecretKey         string `env:"SECRET_KEY"`
	ControlSecret     string `env:"CONTROL_SECRET"`
	OrganizationID    string `env:"ORGANIZATION_ID"`
	ProjectID         string `env:"PROJECT_ID"`
	Regions           string `env:"REGIONS"`
	Applications      string `env:"APPLICATIONS"`
	Interval          string `env:"INTERVAL"            envDefault:"24h"`
	RotateAfter       string `env:"ROTATE_AFTER"        envDefault:"30d"`
	Grace             string `env:"GRACE"               envDefault:"7d"`
	KeyLifetime       string `env:"KEY_LIFETIME"        envDefault:"90d"`
	VerifyWindow      string `env:"VERIFY_WINDOW"       envDefault:"60s"`
	VerifyBound       string `env:"VERIFY_BOUND"        envDefault:"2m"`
	LegacyTokens      string `env:"LEGACY_TOKENS"       envDefault:"delete"`
	OwnKey            string `env:"OWN_KEY"             envDefault:"rotate"`
	Consumers         string `env:"CONSUMERS"           envDefault:"deliver"`
	ConsumersExclude  string `env:"CONSUMERS_EXCLUDE"`
	HandMadeKeys      string `env:"HAND_MADE_KEYS"      envDefault:"hold"`
	DeployBound       string `env:"DEPLOY_BOUND"        envDefault:"6m"`
	SecretPath        string `env:"SECRET_PATH"         envDefault:"/rotator"`
	SecretRegion      string `env:"SECRET_REGION"       envDefault:"fr-par"`
	ProbePath         string `env:"PROBE_PATH"          envDefault:"/favicon.ico"`
	ProbeTimeout      string `env:"PROBE_TIMEOUT"       envDefault:"10s"`
	ProbeApplication  string `env:"PROBE_APPLICATION"`
	Budget            string `env:"BUDGET"              envDefault:"14m"`
	Concurrency       string `env:"CONCURRENCY"         envDefault:"8"`
	ProbeConcurrency  string `env:"PROBE_CONCURRENCY"   envDefault:"64"`
	RequestsPerSecond string `env:"REQUESTS_PER_SECOND" envDefault:"100"`
	APIURL            string `env:"API_URL"             envDefault:"https://api.scaleway.com"`
	LogLevel          string `env:"LOG_LEVEL"           envDefault:"info"`
	Notify            string `env:"NOTIFY"              envDefault:"off"`
	NotifyOn          string `env:"NOTIFY_ON"           envDefault:"failure"`
	Heartbeat         string `env:"HEARTBEAT"           envDefault:"off"`
}

// Error is everything that is wrong with the configuration.
type Error struct{ Problems []string }

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "configuration: " + e.Problems[0]
	}
	return "configuration:\n  " + strings.Join(e.Problems, "\n  ")
}

// Hint says what to do.
func (e *Error) Hint() string {
	return "set the function's environment variables as docs/settings.md says; nothing was changed"
}

// Read checks the environment, given as KEY=VALUE lines, and returns the
// configuration or an *Error. An empty variable counts as absent.
func Read(environ []string) (Config, error) {
	vars := env.ToMap(environ)
	for name, value := range vars {
		if value == "" {
			delete(vars, name)
		}
	}
	text, err := env.ParseAsWithOptions[settings](env.Options{Environment: vars, Prefix: Prefix})
	if err != nil {
		return Config{}, fmt.Errorf("read the environment: %w", err)
	}
	c := &checker{}
	c.names(vars)
	cfg := c.config(text)
	c.fit(cfg)
	if len(c.problems) > 0 {
		return Config{}, &Error{Problems: c.problems}
	}
	return cfg, nil
}

// Names returns the settings' variables in the order of docs/settings.md.
func Names() []string {
	var names []string
	for _, p := range params() {
		names = append(names, p.Key)
	}
	return names
}

// Defaults returns what the settings are where they are not set, by variable;
// "" is no default.
func Defaults() map[string]string {
	defaults := map[string]string{}
	for _, p := range params() {
		defaults[p.Key] = p.DefaultValue
	}
	return defaults
}

func params() []env.FieldParams {
	params, err := env.GetFieldParamsWithOptions(&settings{}, env.Options{Prefix: Prefix})
	if err != nil {
		panic(err) // the struct above is at fault, in every test
	}
	return params
}

// names refuses variables that mean nothing or too much.
func (c *checker) names(vars map[string]string) {
	known := Names()
	var unknown []string
	for name := range vars {
		if strings.HasPrefix(name, Prefix) && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		c.problem("%s: no such setting; the settings are in docs/settings.md", name)
	}
	// The SDK prints response bodies then, and the answer to a key's creation
	// holds its secret.
	if _, set := vars["SCW_DEBUG"]; set {
		c.problem("SCW_DEBUG: is set, and makes the Scaleway SDK print new secret keys; unset it")
	}
}

func (c *checker) config(s settings) Config {
	return Config{
		AccessKey:      c.accessKey("ACCESS_KEY", s.AccessKey),
		SecretKey:      c.secretKey("SECRET_KEY", s.SecretKey),
		ControlSecret:  c.controlSecret("CONTROL_SECRET", s.ControlSecret, s.SecretKey),
		OrganizationID: c.id("ORGANIZATION_ID", s.OrganizationID),
		ProjectID:      c.id("PROJECT_ID", s.ProjectID),
		Regions:        c.regions("REGIONS", s.Regions),
		Applications:   c.ids("APPLICATIONS", s.Applications),

		Interval:     c.duration("INTERVAL", s.Interval, 10*time.Minute, year),
		RotateAfter:  c.duration("ROTATE_AFTER", s.RotateAfter, time.Hour, 10*year),
		Grace:        c.duration("GRACE", s.Grace, time.Hour, 10*year),
		KeyLifetime:  c.duration("KEY_LIFETIME", s.KeyLifetime, time.Hour, 10*year),
		VerifyWindow: c.duration("VERIFY_WINDOW", s.VerifyWindow, time.Second, 10*time.Minute),
		VerifyBound:  c.duration("VERIFY_BOUND", s.VerifyBound, time.Second, 10*time.Minute),
		LegacyTokens: c.oneOf("LEGACY_TOKENS", s.LegacyTokens, TokensDelete, TokensDeleteAll, TokensReport),

		OwnKey:           c.oneOf("OWN_KEY", s.OwnKey, OwnKeyRotate, OwnKeyKeep),
		Consumers:        c.oneOf("CONSUMERS", s.Consumers, ConsumersDeliver, ConsumersReport),
		ConsumersExclude: c.words("CONSUMERS_EXCLUDE", s.ConsumersExclude, resourceName, "names of functions, containers or namespaces"),
		HandMadeKeys:     c.oneOf("HAND_MADE_KEYS", s.HandMadeKeys, HandMadeHold, HandMadeRetire),
		DeployBound:      c.duration("DEPLOY_BOUND", s.DeployBound, time.Minute, 10*time.Minute),

		SecretPath:   c.folder("SECRET_PATH", s.SecretPath),
		SecretRegion: c.region("SECRET_REGION", s.SecretRegion),

		ProbePath:        c.path("PROBE_PATH", s.ProbePath),
		ProbeTimeout:     c.duration("PROBE_TIMEOUT", s.ProbeTimeout, time.Second, time.Minute),
		ProbeApplication: c.optionalID("PROBE_APPLICATION", s.ProbeApplication),

		Budget:            c.duration("BUDGET", s.Budget, time.Minute, time.Hour),
		Concurrency:       c.number("CONCURRENCY", s.Concurrency, 1, 64),
		ProbeConcurrency:  c.number("PROBE_CONCURRENCY", s.ProbeConcurrency, 1, 256),
		RequestsPerSecond: c.number("REQUESTS_PER_SECOND", s.RequestsPerSecond, 1, 1000),
		APIURL:            c.url("API_URL", s.APIURL),
		LogLevel:          c.level("LOG_LEVEL", s.LogLevel),

		Notify:    c.targets("NOTIFY", s.Notify),
		NotifyOn:  c.oneOf("NOTIFY_ON", s.NotifyOn, NotifyFailure, NotifyChange, NotifyAlways),
		Heartbeat: c.heartbeat("HEARTBEAT", s.Heartbeat),
	}
}

// fit refuses settings that are well formed but cannot hold together. A
// setting that was refused already is zero, and compared with nothing.
func (c *checker) fit(cfg Config) {
	if cfg.RotateAfter > 0 && cfg.Interval > cfg.RotateAfter {
		c.problem("%sINTERVAL: %s is longer than ROTATE_AFTER (%s), so no run could keep to that age; at most %[3]s fits",
			Prefix, duration.Format(cfg.Interval), duration.Format(cfg.RotateAfter))
	}
	if cfg.Interval > 0 && cfg.Budget > cfg.Interval {
		c.problem("%sBUDGET: %s is longer than INTERVAL (%s), so runs would overlap; at most %[3]s fits",
			Prefix, duration.Format(cfg.Budget), duration.Format(cfg.Interval))
	}
	if cfg.RotateAfter > 0 && cfg.Grace > cfg.RotateAfter {
		c.problem("%sGRACE: %s is longer than ROTATE_AFTER (%s), so superseded keys would pile up; at most %[3]s fits",
			Prefix, duration.Format(cfg.Grace), duration.Format(cfg.RotateAfter))
	}
	// A key is published until it is ROTATE_AFTER old, or an INTERVAL longer
	// where one run fails, and then lives on for GRACE.
	set := cfg.KeyLifetime > 0 && cfg.RotateAfter > 0 && cfg.Interval > 0 && cfg.Grace > 0
	if need := cfg.RotateAfter + cfg.Interval + cfg.Grace; set && cfg.KeyLifetime < need {
		c.problem("%sKEY_LIFETIME: %s is shorter than ROTATE_AFTER, INTERVAL and GRACE together, so keys would die in use; at least %s fits",
			Prefix, duration.Format(cfg.KeyLifetime), duration.Format(need))
	}
	if cfg.VerifyBound > 0 && cfg.VerifyWindow > cfg.VerifyBound {
		c.problem("%sVERIFY_WINDOW: %s is longer than VERIFY_BOUND (%s), so no key could ever pass; at most %[3]s fits",
			Prefix, duration.Format(cfg.VerifyWindow), duration.Format(cfg.VerifyBound))
	}
	if need := cfg.VerifyBound + Margin + time.Minute; cfg.Budget > 0 && cfg.VerifyBound > 0 && cfg.Budget < need {
		c.problem("%sBUDGET: %s leaves no time to verify a key (VERIFY_BOUND is %s); at least %s fits",
			Prefix, duration.Format(cfg.Budget), duration.Format(cfg.VerifyBound), duration.Format(need))
	}
}

// Margin is the part of the budget that a run keeps for ending in order:
// writing its report, undoing a creation that was cut short.
const Margin = 20 * time.Second

// IsError tells whether err is a configuration that was refused.
func IsError(err error) bool {
	var refused *Error
	return errors.As(err, &refused)
}
