package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	scwlocal "github.com/scaleway/serverless-functions-go/local"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

type serveCommand struct {
	Addr string `default:"127.0.0.1:8080" help:"Where to listen; loopback only." placeholder:"HOST:PORT"`
}

func (c *serveCommand) Run(ctx context.Context, p program) error {
	d, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(time.Now()), Seed: 1}, p.settings())
	if err != nil {
		return err
	}
	self, known := d.Endpoint(demoFunction)
	if !known {
		return fmt.Errorf("the demo has no function %s", demoFunction)
	}
	function := handler.New(d.environ, p.stderr, handler.Options{
		API: d.RoundTripper(), Endpoints: d.RoundTripper(), Clock: clock.Clock{Now: d.Clock().Now, Sleep: d.Clock().Sleep},
	})
	d.SetBehaviour(self.ID, asPlatform(function))
	listener, err := listen(ctx, c.Addr)
	if err != nil {
		return err
	}
	caller := d.Keys("storefront")
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(p.stdout, `The function, on a demo project in the emulator, behind the gateway that Scaleway puts before it.
A key of an application that may call it, in the emulator only:

  KEY=%s

  curl -i %s                                                          # 403: no key
  curl -i -H 'X-Auth-Token: nonsense' %[2]s                             # 403: not a key
  curl -H "X-Auth-Token: $KEY" '%[2]s?format=text'                      # a dry run
  curl -H "X-Auth-Token: $KEY" -X POST '%[2]s?format=text'              # a run
  curl -H "X-Auth-Token: $KEY" -d '{"steps": ["check"]}' %[2]s          # one step, as JSON

The log comes on standard error. Ctrl-C ends it.
ready
`, caller[len(caller)-1].SecretKey, url)
	return serveUntil(ctx, &http.Server{Handler: d.Door(self.ID), ReadHeaderTimeout: 10 * time.Second}, listener)
}

// asPlatform calls the function as Scaleway's runtime does. The key stays at the
// gateway: the runtime's own code copies the request's headers into the
// response.
func asPlatform(function http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("X-Auth-Token")
		scwlocal.CoreProcessing(w, r, function.ServeHTTP)
	})
}

// listen opens a port on loopback and nowhere else.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("--addr %s: want HOST:PORT, such as 127.0.0.1:8080", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--addr %s: want a loopback address, such as 127.0.0.1:8080: this is not for others to reach", addr)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if cause, ok := errors.AsType[*os.SyscallError](err); ok {
		return nil, fmt.Errorf("cannot listen on %s: %w; is something else using the port? try another --addr, or port 0 for a free one", addr, cause.Err)
	}
	return listener, err
}

// serveUntil serves until ctx is done, and then lets requests end.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return server.Close()
	}
	return nil
}
