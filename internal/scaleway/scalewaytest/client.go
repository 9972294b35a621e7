// Package scalewaytest is the kit of the tests of internal/scaleway: clients, of the
// emulator or of a far side that answers by a script. Only tests import it, and no
// archive has it.
package scalewaytest

import (
	"net/http"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// What clients are made with, and look for.
const (
	Organization = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101" // of the demo
	Project      = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102" // demo, of the demo
	AccessKey    = "SCWCANARYCANARYCANAR"
	Canary       = "c0ffee00-5ec2-4e7a-8bad-cafe00000001" // the secret key of a client without an emulator
	OtherCanary  = "c0ffee00-5ec2-4e7a-8bad-cafe00000002" // the secret of a key that is published or tried
)

// DeployBound is how long the rigs' clients wait for an environment.
const DeployBound = 6 * time.Minute

// Options are those of a client of the demo project.
func Options(over http.RoundTripper, change ...func(*scaleway.Options)) scaleway.Options {
	o := scaleway.Options{
		APIURL: emulatortest.API, AccessKey: AccessKey, SecretKey: redact.New(Canary), OrganizationID: Organization, ProjectID: Project,
		Transport: over, Clock: clock.Real(), Concurrency: 16, RequestsPerSecond: 10000,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// NewClient returns a client, or fails the test.
func NewClient(t *testing.T, o scaleway.Options) *scaleway.Client {
	t.Helper()
	c, err := scaleway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Rig is an emulator and a client of its project demo, by the owner's key.
type Rig struct {
	*emulatortest.Env
	*scaleway.Client
}

// Start loads a seed; wrap may come between client and emulator.
func Start(t *testing.T, o emulator.Options, seed emulator.Seed, wrap ...func(http.RoundTripper) http.RoundTripper) Rig {
	t.Helper()
	env := emulatortest.Start(t, o, seed)
	over := env.RoundTripper()
	for _, w := range wrap {
		over = w(over)
	}
	return Rig{env, NewClient(t, Options(over, func(o *scaleway.Options) {
		o.AccessKey, o.SecretKey = env.AccessKey, redact.New(env.Secret)
		o.OrganizationID, o.ProjectID = env.Organization(), env.Project("demo")
		o.DeployBound = DeployBound
		o.Clock = clock.Clock{Now: env.Clock().Now, Sleep: env.Clock().Sleep, After: env.Clock().After}
	}))}
}

// Names are one thing of each item.
func Names[T any](items []T, name func(T) string) []string {
	out := []string{}
	for _, item := range items {
		out = append(out, name(item))
	}
	return out
}
