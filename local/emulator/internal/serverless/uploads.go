package serverless

import (
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

const (
	archiveLimit = 100 << 20
	// uploadLifetime is how long an upload's URL is good (A72).
	uploadLifetime = time.Hour
)

// upload is an archive that is awaited. It stands for the object storage in
// which the platform has code put.
type upload struct {
	workload *Workload
	size     int64
	until    time.Time
}

// uploadURL answers a URL at which the function's archive can be PUT by
// whoever knows it, without a key. It leads to this very listener.
func (a *v1beta1) uploadURL(c *call, p *Product) (any, error) {
	c.Needs = a.write // what is put there will run
	w, err := a.workload(c, p, c.Request.PathValue("function_id"))
	if err != nil {
		return nil, err
	}
	if err := a.standing(&w.life, a.kind); err != nil {
		return nil, err
	}
	text := c.Request.URL.Query().Get("content_length")
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 1 || size > archiveLimit {
		return nil, wire.Message(http.StatusBadRequest, "content_length %q: want the archive's size, at most %d", text, archiveLimit)
	}
	for name, old := range c.uploads {
		if c.Now.After(old.until) {
			delete(c.uploads, name)
		}
	}
	name := rand.Text()
	c.uploads[name] = &upload{workload: w, size: size, until: c.Now.Add(uploadLifetime)}
	scheme := "http"
	if traffic.Secure(c.Request) {
		scheme = "https"
	}
	return wire.Object{
		"url":     scheme + "://" + c.Request.Host + "/upload/" + name,
		"headers": map[string][]string{"Content-Length": {text}},
	}, nil
}

// receive takes an archive. What is deployed next is the last that came.
func (s *Serverless) receive(w http.ResponseWriter, r *http.Request) {
	traffic.Noted(r).Path = "/upload/" // who knows the rest may upload
	s.base.Mu.Lock()
	to, known := s.uploads[r.PathValue("name")]
	known = known && !s.base.Clock.Now().After(to.until)
	s.base.Mu.Unlock()
	if !known {
		refuseUpload(w, "AccessDenied", "Request has expired, or was never signed")
		return
	}
	archive, err := io.ReadAll(io.LimitReader(r.Body, to.size+1))
	if err != nil || int64(len(archive)) != to.size {
		refuseUpload(w, "SignatureDoesNotMatch", "the length is not the one that was asked for")
		return
	}
	s.base.Mu.Lock()
	defer s.base.Mu.Unlock()
	if to.workload.status != statusDeleting {
		to.workload.function.code = codeBuilds
		if s.host != nil {
			to.workload.function.hosted.archive = archive
		}
	}
	w.WriteHeader(http.StatusOK)
}

// refuseUpload answers as object storage does.
func refuseUpload(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>\n")
}

// listFunctionsOf is an older way to list the functions of a namespace; the
// plugin of osls knows no other.
func (a *v1beta1) listFunctionsOf(c *call, p *Product) (any, error) {
	n, err := a.namespace(c, p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	rows := p.workloads.All(func(w *Workload) bool { return w.namespace == n })
	return rendered(c, "functions", rows, func(w *Workload) any { return c.functionV1beta1(w) })
}

// listTriggers is asked by the plugin of osls. There are none but crons here.
func (a *v1beta1) listTriggers(c *call, _ *Product) (any, error) {
	if !c.AllowedSomewhere() {
		return nil, c.Forbidden()
	}
	return wire.Object{"triggers": []any{}, "total_count": 0}, nil
}
