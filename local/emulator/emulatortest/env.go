// Package emulatortest starts an emulator for a test, in the test's own
// process, and fails the test if it asks for a route that does not exist:
// gaps in the emulator are loud.
package emulatortest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// API is where the emulated API answers.
const API = "https://api.scaleway.com"

// Env is a running emulator and what a test needs to talk to it. All methods
// of the emulator are its own, too.
type Env struct {
	*emulator.Emulator
	// HTTP reaches API and endpoints without a socket.
	HTTP *http.Client
	// Secret is the owner's secret key, AccessKey its access key.
	AccessKey, Secret string

	t       testing.TB
	unknown bool
}

// Epoch is what the clock of an Env reads at first, unless the options bring
// a clock. It is not a whole second: times from the API have fractions.
var Epoch = time.Date(2026, time.September, 1, 12, 0, 0, 123456789, time.UTC)

// hashMemory is what a hash takes in tests, in KiB, unless the options say: of
// the platform's size it costs a tenth of a second, and 64 MiB.
const hashMemory = 8

// Start runs an emulator that holds seed. Without a clock in o it gets one
// that stands still until it is advanced or slept on, and without a size of
// hashes small ones.
func Start(tb testing.TB, o emulator.Options, seed emulator.Seed) *Env {
	tb.Helper()
	if o.Clock == nil {
		o.Clock = emulator.NewManualClock(Epoch)
	}
	e := emulator.New(small(o))
	if err := e.Load(seed); err != nil {
		tb.Fatal(err)
	}
	env := &Env{Emulator: e, HTTP: &http.Client{Transport: e.RoundTripper()}, t: tb}
	env.AccessKey, env.Secret = e.Owner()
	tb.Cleanup(env.checkRoutes)
	return env
}

func small(o emulator.Options) emulator.Options {
	o.HashMemory = cmp.Or(o.HashMemory, hashMemory)
	return o
}

// AllowUnknownRoutes lets the test ask for what does not exist.
func (env *Env) AllowUnknownRoutes() { env.unknown = true }

func (env *Env) checkRoutes() {
	if env.unknown {
		return
	}
	for _, r := range env.UnknownRoutes() {
		env.t.Errorf("the emulator has no route %s", r.Route)
	}
}

// SDK returns a client of Scaleway's own SDK with that key. It has read the
// API's metadata already: the SDK writes them without a lock on first use.
func (env *Env) SDK(accessKey, secretKey string) *scw.Client {
	env.t.Helper()
	client, err := scw.NewClient(scw.WithHTTPClient(env.HTTP), scw.WithAuth(accessKey, secretKey),
		scw.WithDefaultRegion(scw.RegionFrPar), scw.WithDefaultOrganizationID(env.Organization()))
	if err != nil {
		env.t.Fatal(err)
	}
	if _, err := client.GetAPIMetadata(); err != nil {
		env.t.Fatal(err)
	}
	return client
}

// Answer is what the API said.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any // nil: none, or not a JSON object
	Text   string
}

// Call makes a call of the API with a secret key. body nil is none; a string
// is sent as it is, all else as JSON.
func (env *Env) Call(secret, method, path string, body any) Answer {
	env.t.Helper()
	var sent io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		sent = bytes.NewReader([]byte(b))
	default:
		text, err := json.Marshal(b)
		if err != nil {
			env.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(env.t.Context(), method, API+path, sent)
	if err != nil {
		env.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", secret)
	res, err := env.HTTP.Do(r)
	if err != nil {
		env.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		env.t.Fatal(err)
	}
	answer := Answer{Status: res.StatusCode, Header: res.Header, Text: string(text)}
	_ = json.Unmarshal(text, &answer.Body) // Body says whether it is one
	return answer
}

// MustCall is Call with the owner's key; it fails the test unless the answer
// is 200 or 204.
func (env *Env) MustCall(method, path string, body any) map[string]any {
	env.t.Helper()
	answer := env.Call(env.Secret, method, path, body)
	if answer.Status != http.StatusOK && answer.Status != http.StatusNoContent {
		env.t.Fatalf("%s %s: %d %s", method, path, answer.Status, answer.Text)
	}
	return answer.Body
}
