package serverless

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// What becomes of a container depends on what its image does. The recordings
// used two public images; every other image is taken to listen on the port it
// is told, and to answer on every path (A26).

// imageName is nginx for nginx:1.29.4-alpine and docker.io/library/nginx.
func imageName(image string) string {
	name, _, _ := strings.Cut(path.Base(image), ":")
	name, _, _ = strings.Cut(name, "@")
	return name
}

// starts tells whether a container of that image passes a probe on the port.
func starts(image string, port uint32, p *probe) bool {
	switch imageName(image) {
	case "hello-world":
		return false // it prints its greeting and ends
	case "nginx":
		return port == 80 && (p.HTTP == nil || p.HTTP.Path == "/" || p.HTTP.Path == "")
	default:
		return true
	}
}

// deployContainer starts a deployment of a container.
func (c *call) deployContainer(w *Workload, stamp func(time.Time) wire.Stamp) {
	c.start(w)
	spec := w.container
	next := move{due: c.Now.Add(c.Settings.Delays.Deploy), status: statusReady, stamp: stamp}
	switch {
	case !spec.pushed:
		// Nobody pushes to the registry of a namespace here.
		next.status, next.problem = statusError, "Image was not found in container registry."
	case w.failing, !starts(spec.image, spec.port, &spec.liveness):
		next.status, next.problem = statusError, spec.startFailure()
		next.due = c.Now.Add(spec.patience(c.Settings.Delays.StartFailure))
	}
	w.begin(statusPending, next)
}

// patience is how long the platform waits for a container: failure_threshold
// times interval of its liveness probe (docs/scaleway.md, Containers), which is
// usual with the probe it has by default.
func (s *containerSpec) patience(usual time.Duration) time.Duration {
	std := defaultProbe()
	waits := float64(s.liveness.FailureThreshold) * float64(s.liveness.Interval)
	return time.Duration(float64(usual) * waits / (float64(std.FailureThreshold) * float64(std.Interval)))
}

func (s *containerSpec) startFailure() string {
	if s.liveness.HTTP != nil {
		return fmt.Sprintf("Container is unable to start OR does not respond to HTTP requests on port %d and path %s", s.port, s.liveness.HTTP.Path)
	}
	return fmt.Sprintf("Container is unable to start OR is not listening on port %d", s.port)
}

// probe is a health check: TCP unless it has a path.
type probe struct {
	FailureThreshold uint32       `json:"failure_threshold"`
	Interval         wire.Seconds `json:"interval"`
	Timeout          wire.Seconds `json:"timeout"`
	TCP              *struct{}    `json:"tcp,omitempty"`
	HTTP             *httpProbe   `json:"http,omitempty"`
}

type httpProbe struct {
	Path string `json:"path"`
}

func defaultProbe() probe {
	return probe{FailureThreshold: 30, Interval: wire.Seconds(10 * time.Second), Timeout: wire.Seconds(time.Second), TCP: &struct{}{}}
}

// probeWrite is a probe in a request; null members were not given.
type probeWrite struct {
	FailureThreshold *uint32       `json:"failure_threshold"`
	Interval         *wire.Seconds `json:"interval"`
	Timeout          *wire.Seconds `json:"timeout"`
	TCP              *struct{}     `json:"tcp"`
	HTTP             *httpProbe    `json:"http"`
}

// over returns base with what the request gives.
func (in *probeWrite) over(base probe) probe {
	if in == nil {
		return base
	}
	if in.FailureThreshold != nil && *in.FailureThreshold > 0 {
		base.FailureThreshold = *in.FailureThreshold
	}
	wire.Set(&base.Interval, in.Interval)
	wire.Set(&base.Timeout, in.Timeout)
	switch {
	case in.HTTP != nil:
		base.HTTP, base.TCP = in.HTTP, nil
	case in.TCP != nil:
		base.HTTP, base.TCP = nil, in.TCP
	}
	return base
}

// scaling is what a container scales on: one of the three.
type scaling struct {
	Requests *uint32 `json:"concurrent_requests_threshold,omitempty"`
	CPU      *uint32 `json:"cpu_usage_threshold,omitempty"`
	Memory   *uint32 `json:"memory_usage_threshold,omitempty"`
}

func scaleOnRequests(n uint32) scaling { return scaling{Requests: &n} }

// functionRuntime is one element of the list of runtimes; only the SDK is known to
// describe it, no recording does.
type functionRuntime struct {
	Name           string `json:"name"`
	Language       string `json:"language"`
	Version        string `json:"version"`
	DefaultHandler string `json:"default_handler"`
	CodeSample     string `json:"code_sample"`
	Status         string `json:"status"`
	StatusMessage  string `json:"status_message"`
	Extension      string `json:"extension"`
	Implementation string `json:"implementation"`
	LogoURL        string `json:"logo_url"`
}

// runtimes are those of the SDK's enum, with the language told by the name.
var runtimes = func() (out []functionRuntime) {
	for _, language := range []struct {
		name, prefix, versions, handler, extension string
	}{
		{"Go", "go", "113 117 118 119 120 121 122 123 124 125 126", "Handle", "go"},
		{"Node", "node", "8 10 14 16 17 18 19 20 22 24 26", "handler.handle", "js"},
		{"PHP", "php", "82 83 84 85", "handler.handle", "php"},
		{"Python", "python", "37 38 39 310 311 312 313 314", "handler.handle", "py"},
		{"Rust", "rust", "165 179 185 196", "handle", "rs"},
	} {
		for version := range strings.FieldsSeq(language.versions) {
			out = append(out, functionRuntime{
				Name: language.prefix + version, Language: language.name, Version: dotted(language.prefix, version),
				DefaultHandler: language.handler, Status: "available", Extension: language.extension,
			})
		}
	}
	return out
}()

// dotted is 1.26 for go126 and 22 for node22.
func dotted(prefix, version string) string {
	if prefix == "node" {
		return version
	}
	return version[:1] + "." + version[1:]
}

func defaultHandler(name string) string {
	for _, r := range runtimes {
		if r.Name == name {
			return r.DefaultHandler
		}
	}
	return ""
}

func listRuntimes(c *call, _ *Product) (any, error) {
	if !c.AllowedSomewhere() {
		return nil, c.Forbidden()
	}
	return wire.Object{"runtimes": runtimes, "total_count": len(runtimes)}, nil
}
