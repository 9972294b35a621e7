// Package scaleway is the only code that talks to the Scaleway API.
//
// It wraps the SDK: every call takes a context, takes all pages, and answers in
// this package's types or with an *Error that says what class of failure it
// was. It trusts no filter: what a list returns is filtered again by the
// items' own fields before anybody sees it. Retries, pace and counting live in
// its transport, and nowhere else. What to do with what it finds is left to
// others.
package scaleway

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	container "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	containerbeta "github.com/scaleway/scaleway-sdk-go/api/container/v1beta1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	tem "github.com/scaleway/scaleway-sdk-go/api/tem/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"
	"github.com/scaleway/scaleway-sdk-go/validation"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway/transport"
	"github.com/scw-key-rotator/rotator/internal/version"
)

// Options say whom to call, as whom, and how hard.
type Options struct {
	APIURL            string
	AccessKey         string
	SecretKey         redact.Secret
	OrganizationID    string
	ProjectID         string
	Transport         http.RoundTripper // nil: http.DefaultTransport
	Clock             clock.Clock
	Concurrency       int // requests in flight
	RequestsPerSecond int
	// DeployBound is how long a function, container or namespace that is changing
	// is waited for before its environment is changed.
	DeployBound time.Duration
}

// Client calls the API as one API key, for one project. Its methods may be
// called from many goroutines.
type Client struct {
	organization string
	project      string
	accessKey    string
	transport    *transport.Transport
	options      Options

	iam            *iam.API
	secrets        *secret.API
	functions      *function.API
	containers     *container.API
	containersBeta *containerbeta.API
	mail           *tem.API

	keyWindow atomic.Pointer[Window] // KeysWithin; nil: keys are made and deleted at all times
}

// New returns a client. It sends nothing.
func New(o Options) (*Client, error) {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	t := transport.New(o.Transport, o.Clock, o.Concurrency, o.RequestsPerSecond)
	sdk, err := newSDK(o, o.AccessKey, o.SecretKey, t)
	if err != nil {
		return nil, err
	}
	return &Client{
		organization: o.OrganizationID, project: o.ProjectID, accessKey: o.AccessKey, transport: t, options: o,
		iam: iam.NewAPI(sdk), secrets: secret.NewAPI(sdk), functions: function.NewAPI(sdk),
		containers: container.NewAPI(sdk), containersBeta: containerbeta.NewAPI(sdk), mail: tem.NewAPI(sdk),
	}, nil
}

func newSDK(o Options, accessKey string, secretKey redact.Secret, t *transport.Transport) (*scw.Client, error) {
	if !validation.IsSecretKey(secretKey.Reveal()) {
		return nil, errors.New("set up the Scaleway client: the secret key is not a UUID") // the SDK's own error shows it
	}
	sdk, err := scw.NewClient(
		scw.WithAPIURL(o.APIURL),
		scw.WithAuth(accessKey, secretKey.Reveal()),
		scw.WithDefaultOrganizationID(o.OrganizationID),
		scw.WithDefaultProjectID(o.ProjectID),
		scw.WithUserAgent(version.UserAgent),
		scw.WithHTTPClient(&http.Client{Transport: metadata{wholeOnly{t}}, CheckRedirect: transport.Stay}),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the Scaleway client: %w", err)
	}
	return sdk, nil
}

// AccessKey names the key that the client calls with.
func (c *Client) AccessKey() string { return c.accessKey }

// Calls returns how many requests were sent so far, and how many of them were
// retries.
func (c *Client) Calls() (sent, retried int64) { return c.transport.Calls() }

// PerSecond returns how many calls a second are allowed by now.
func (c *Client) PerSecond() float64 { return c.transport.PerSecond() }

// Now returns the API's time: ages are told by it, since our clock may be off.
func (c *Client) Now() time.Time { return c.transport.Now() }

// ClockOffset returns how far the API's clock is from ours, and whether any
// answer has told.
func (c *Client) ClockOffset() (offset time.Duration, known bool) { return c.transport.ClockOffset() }

// metadata refuses GET /metadata itself. The SDK asks it after each call to fill
// SRNs, which nothing here reads; asking the API would cost a call, and with an
// answer, the SDK panics where a list holds a null, and keeps the answer without
// a lock (docs/scaleway.md, Metadata).
type metadata struct{ next http.RoundTripper }

var errNoMetadata = errors.New("metadata are not read here")

func (m metadata) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/metadata" {
		return nil, errNoMetadata
	}
	return m.next.RoundTrip(r)
}

func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
