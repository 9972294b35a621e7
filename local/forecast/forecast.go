// Package forecast says day by day what the planned runs will do with what there is
// now, and what breaks on the way: it takes a snapshot of the project by the API's own
// lists, loads it into an emulator whose clock jumps, and does the real runs there.
//
// It promises to change nothing, to read no payload of Secret Manager, and to show no
// secret: the emulator makes up a pair for each key. So it cannot know who carries
// which key, unless a report says it, and it says what else it cannot know. What a run
// does is internal/run's business, and how things answer the emulator's; a forecast is
// as good as these two.
package forecast

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Options say what is played.
type Options struct {
	// Settings are the function's, as ROTATOR_ variables; the key that they name is not
	// used, and neither is its secret.
	Settings []string
	Function string        // where it is deployed, as namespace/name; "": wherever one looks like it
	Schedule string        // of the cron, in its five fields
	Days     int           // how far
	Cap      time.Duration // of the organization on key lifetimes, in the place of its own; 0: as it is
	// Readers is the longest time between two readings of a key from Secret Manager; 0:
	// not said.
	Readers time.Duration
	// KeyQuota is how many keys the organization may have; 0: not said, as by the API.
	KeyQuota int
	// Report is one of the function's own, for who carries which key; nil: nobody says.
	Report *report.Report

	// Caller is who asks, and where.
	Caller    Caller
	Transport http.RoundTripper // nil: the real one
	Clock     clock.Clock
}

// Caller is the key to ask with, and what of.
type Caller struct {
	API, AccessKey        string
	SecretKey             redact.Secret
	Organization, Project string
}

// Kind of an event.
type Kind string

// What can happen.
const (
	Made      Kind = "made"      // a new key was made, and given to who reads or carries it
	Deleted   Kind = "deleted"   // a run deleted a key
	Expired   Kind = "expired"   // a key died by itself
	Delivered Kind = "delivered" // environments were given a current key
	Tokens    Kind = "tokens"    // legacy tokens were deleted
	Failed    Kind = "failed"    // a run failed
)

// Event is one thing that will happen.
type Event struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Who  string    `json:"who"` // application or user, and its name; "": nobody's
	Key  string    `json:"key"` // its access key; of one that is still to be made "new 1", "new 2"; else ""
	N    int       `json:"n"`   // environments or tokens; else 0
	Text string    `json:"text"`
}

// Break is something that will not go on as it should, and what to do.
type Break struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // expiry, grace, quota, cap or run
	Text string    `json:"text"`
	Hint string    `json:"hint"`
	Runs int       `json:"runs"` // that fail in a row; else 0
}

// Result is the forecast.
type Result struct {
	OrganizationID string    `json:"organization_id"`
	ProjectID      string    `json:"project_id"`
	From           time.Time `json:"from"` // by the API's clock: when everything was read
	Days           int       `json:"days"`
	Runs           int       `json:"runs"`
	FailedRuns     int       `json:"failed_runs"`
	Schedule       string    `json:"schedule"`
	Cap            string    `json:"cap"` // of the organization on key lifetimes; "": none
	Breaks         []Break   `json:"breaks"`
	Events         []Event   `json:"events"`
	MostKeys       int       `json:"most_keys"` // of the organization at a time
	MostKeysAt     time.Time `json:"most_keys_at"`
	Unknown        []string  `json:"unknown"` // what cannot be known here

	picture *report.Report // the keys, as reports show them
}

// Make reads what there is, and plays.
func Make(ctx context.Context, o Options) (*Result, error) {
	if o.Clock.Now == nil {
		o.Clock = clock.Real()
	}
	schedule, err := emulator.ParseSchedule(o.Schedule)
	if err != nil {
		return nil, err
	}
	cfg, err := o.config(scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: o.Caller.AccessKey}, Secret: o.Caller.SecretKey})
	if err != nil {
		return nil, err
	}
	client, err := scaleway.New(scaleway.Options{
		APIURL: o.Caller.API, AccessKey: o.Caller.AccessKey, SecretKey: o.Caller.SecretKey,
		OrganizationID: o.Caller.Organization, ProjectID: o.Caller.Project,
		Transport: o.Transport, Clock: o.Clock, Concurrency: 4, RequestsPerSecond: 50,
	})
	if err != nil {
		return nil, err
	}
	found, err := read(ctx, client, cfg)
	if err != nil {
		return nil, refused(o.Caller, err)
	}
	found.function = o.Function
	if own, key := found.own(); own != nil && key.AccessKey == "" {
		return nil, fmt.Errorf("function %s/%s (%s) runs on no key of the organization, so no run can come: give it one with make deploy ARGS=--new-key", own.Namespace.Name, own.Name, own.Region)
	}
	if o.Report != nil {
		if o.Report.ProjectID != o.Caller.Project {
			return nil, fmt.Errorf("the report is on project %s, and not on %s", o.Report.ProjectID, o.Caller.Project)
		}
		found.learn(o.Report)
	}
	found.guess()
	if o.Cap > 0 {
		found.lifetimeCap = o.Cap
	}
	p, err := newPlay(o, found)
	if err != nil {
		return nil, err
	}
	if err := p.run(ctx, schedule); err != nil {
		return nil, err
	}
	return p.result(), nil
}

// refused says what whoever asks can do about it: the hints of the client are for the
// function, on whose key this is not asked.
func refused(who Caller, err error) error {
	said, is := errors.AsType[*scaleway.Error](err)
	switch {
	case errors.Is(err, scaleway.ErrDenied):
		return fmt.Errorf("the API does not accept the key %s: want another profile, or scw login", who.AccessKey)
	case errors.Is(err, scaleway.ErrForbidden) && is:
		return fmt.Errorf("%s: the key %s may not: it needs IAMReadOnly on the organization, and FunctionsReadOnly, ContainersReadOnly and SecretManagerReadOnly on the project", said.Act, who.AccessKey)
	}
	return err
}

// config is the function's, on a key.
func (o Options) config(own scaleway.KeyPair) (config.Config, error) {
	return config.Read(append(append([]string{}, o.Settings...),
		config.Prefix+"ACCESS_KEY="+own.AccessKey, config.Prefix+"SECRET_KEY="+own.Secret.Reveal(), config.Prefix+"CONTROL_SECRET=",
		config.Prefix+"ORGANIZATION_ID="+o.Caller.Organization, config.Prefix+"PROJECT_ID="+o.Caller.Project,
		config.Prefix+"API_URL="+config.DefaultAPIURL,
		config.Prefix+"REQUESTS_PER_SECOND=1000", // an emulator has no limit to respect
		config.Prefix+"NOTIFY=off", config.Prefix+"HEARTBEAT=off",
	))
}
