package serverless

import (
	"context"
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Host runs the code of functions: local/host has one. The emulator says what
// to deploy, who may call and when crons fire; a host knows nothing of the API.
type Host interface {
	// Deploy checks and builds what was uploaded, and returns once an instance
	// of it listens, or ctx is done. Its error is for the owner of the code to
	// read: the API shows it.
	Deploy(ctx context.Context, d Deployment) (Revision, error)
	// Close ends everything that runs, and waits for its end.
	Close() error
}

// Deployment is one version of a function: its code, and how to run it.
type Deployment struct {
	Name     string // namespace/function, for logs
	Runtime  string // go126
	Handler  string
	Archive  []byte        // a zip
	Env      []string      // NAME=VALUE, each name once
	Timeout  time.Duration // of one request
	MinScale int
	MaxScale int               // at least 1
	Step     func(step string) // is called with what is being done
	Log      func(line string) // is called with each line that the code writes
}

// Revision serves requests with one version of a function, as many at a time
// as there may be instances.
type Revision interface {
	http.Handler
	// Close lets requests under way end, and then the instances. No request
	// may come after it.
	Close()
}

// hosted is what the host has of a function. The zero value is nothing.
type hosted struct {
	archive []byte   // uploaded last
	launch  *launch  // the deployment under way
	serving *serving // the last that succeeded
	logs    logs
}

// launch is a deployment under way.
type launch struct {
	cancel context.CancelFunc
	done   chan struct{} // closed once the function's status says what came of it
	step   string
}

func (l *launch) message() *string {
	if l.step == "" {
		return nil
	}
	step := l.step
	return &step
}

// serving is a revision with those that are inside: it ends after them.
type serving struct {
	revision Revision
	inside   sync.WaitGroup // added to under the emulator's lock, and not once it is replaced
}

func (s *serving) enter() http.Handler {
	s.inside.Add(1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.inside.Done()
		s.revision.ServeHTTP(w, r)
	})
}

// leave ends s once nobody is inside. nil has nothing to end.
func (s *serving) leave() {
	if s != nil {
		go func() {
			s.inside.Wait()
			s.revision.Close()
		}()
	}
}

// giveUp forgets the deployment under way, if there is one.
func (h *hosted) giveUp() {
	if h.launch != nil {
		h.launch.cancel()
		h.launch = nil
	}
}

// end ends what there is of a function that is deleted.
func (h *hosted) end() {
	h.giveUp()
	h.serving.leave()
	h.archive, h.serving = nil, nil
}

// launch has the host deploy w as it is now. A deployment that was under way
// is given up: the last write counts.
func (c *call) launch(w *Workload) {
	h := &w.function.hosted
	h.giveUp()
	ctx, cancel := context.WithCancel(c.Running)
	this := &launch{cancel: cancel, done: make(chan struct{})}
	h.launch = this
	c.start(w)
	w.status, w.problem, w.ahead = statusPending, "", nil
	deployment := w.deployment(this.told(c.Serverless))
	c.background.Go(func() {
		defer cancel()
		revision, err := c.host.Deploy(ctx, deployment)
		c.launched(w, this, revision, err)
	})
}

func (l *launch) told(s *Serverless) func(string) {
	return func(step string) {
		s.base.Mu.Lock()
		defer s.base.Mu.Unlock()
		l.step = step
	}
}

// launched takes over what a deployment has come to.
func (s *Serverless) launched(w *Workload, this *launch, revision Revision, err error) {
	s.base.Mu.Lock()
	defer s.base.Mu.Unlock()
	defer close(this.done)
	h, now := &w.function.hosted, s.base.Clock.Now()
	switch {
	case h.launch != this && err == nil:
		(&serving{revision: revision}).leave()
		return
	case h.launch != this:
		return
	}
	h.launch = nil
	if err != nil {
		w.begin(statusPending, move{due: now, status: statusError, stamp: wire.At, problem: err.Error()})
		return
	}
	h.serving.leave()
	h.serving = &serving{revision: revision}
	w.begin(statusPending, move{due: now, status: statusReady, stamp: wire.At})
}

func (w *Workload) deployment(step func(string)) Deployment {
	f := w.function
	return Deployment{
		Name: w.namespace.name + "/" + w.name, Runtime: f.runtime, Handler: f.handler, Archive: f.hosted.archive,
		Env: w.Environment(), Timeout: time.Duration(w.timeout), MinScale: int(w.minScale), MaxScale: max(1, int(w.maxScale)),
		Step: step, Log: f.hosted.logs.add,
	}
}

// Environment is what w's code is to see, sorted: its namespace's variables and secrets,
// then its own, and what the platform sets, which nobody else can (A73).
func (w *Workload) Environment() []string {
	all := map[string]string{}
	for _, from := range []struct {
		env     map[string]string
		secrets secretEnv
	}{{w.namespace.env, w.namespace.secrets}, {w.env, w.secrets}} {
		maps.Copy(all, from.env)
		for _, secret := range from.secrets {
			all[secret.key] = secret.value
		}
	}
	all["SCW_APPLICATION_ID"], all["SCW_NAMESPACE_ID"] = w.id, w.namespace.id
	all["SCW_PUBLIC"] = "false"
	if w.privacy == "public" {
		all["SCW_PUBLIC"] = "true"
	}
	lines := []string{}
	for name, value := range all {
		lines = append(lines, name+"="+value)
	}
	slices.Sort(lines)
	return lines
}

// logLines is how many are kept of each function.
const logLines = 1000

// logs are the last lines of a function. They have a lock of their own, since
// code writes them at any time.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	if len(l.lines) >= 2*logLines {
		l.lines = append([]string(nil), l.lines[len(l.lines)-logLines:]...)
	}
}

func (l *logs) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines[max(0, len(l.lines)-logLines):]...)
}

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
