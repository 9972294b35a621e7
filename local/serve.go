package main

import (
	"context"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	scwlocal "github.com/scaleway/serverless-functions-go/local"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

type serveCommand struct {
	Seed string `default:"demo" help:"What the emulator holds: demo, or a file as local api takes it. It must have a function key-rotator." placeholder:"FILE"`
	Addr string `default:"127.0.0.1:8080" help:"Where to listen: loopback only, port 0 for a free one (${default})." placeholder:"HOST:PORT"`
}

// Help is shown by serve --help.
func (c *serveCommand) Help() string {
	return `Prints a key, and the curl lines to try with it.

  go run ./local serve --addr 127.0.0.1:0`
}

func (c *serveCommand) Run(ctx context.Context, p program) error {
	d, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(demoStart(time.Now())), Seed: 1, HashMemory: p.hashes}, c.Seed, p.settings())
	if err != nil {
		return err
	}
	self, known := d.Endpoint(demoFunction)
	if !known {
		return misused("--seed %s: it has no function %s", c.Seed, demoFunction)
	}
	function := handler.New(d.environ, p.stderr, handler.Options{
		API: d.RoundTripper(), Endpoints: d.RoundTripper(), Clock: clock.Clock{Now: d.Clock().Now, Sleep: d.Clock().Sleep, After: d.Clock().After, Emulated: true},
	})
	d.SetBehaviour(self.ID, asPlatform(function))
	listener, err := listen(ctx, "--addr", c.Addr)
	if err != nil {
		return err
	}
	caller := d.Keys("storefront")
	if len(caller) == 0 { // a seed of the user's own
		_, owner := d.Owner()
		caller = []emulator.KeyPair{{SecretKey: owner}}
	}
	fmt.Fprintf(p.stdout, `The function, on a demo project in the emulator, behind the gateway that Scaleway puts before it.
A key of an application that may call it, and the control secret, in the emulator only:

  KEY=%s
  CONTROL=%s

`, caller[len(caller)-1].SecretKey, d.control)
	url := "http://" + listener.Addr().String()
	lines := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, try := range []struct{ call, get string }{
		{"curl -i " + url, "403: no key"},
		{"curl -i -H 'X-Auth-Token: nonsense' " + url, "403: not a key"},
		{`curl -H "X-Auth-Token: $KEY" '` + url + `?format=text'`, "a dry run"},
		{`curl -H "X-Auth-Token: $KEY" -X POST '` + url + `?format=text'`, "a run"},
		{`curl -H "X-Auth-Token: $KEY" -H "X-Rotator-Control: $CONTROL" '` + url + `?format=text'`, "its whole report"},
		{`curl -H "X-Auth-Token: $KEY" -H "X-Rotator-Control: $CONTROL" -d '{"force": true, "applications": ["checkout"]}' ` + url, "403 without the control secret"},
	} {
		fmt.Fprintf(lines, "  %s\t# %s\n", try.call, try.get)
	}
	_ = lines.Flush() // to a terminal that is gone there is nothing to say
	fmt.Fprint(p.stdout, "\nThe log comes on standard error. Ctrl-C ends it.\nready\n")
	return serveUntil(ctx, d.Door(self.ID), listener)
}

// asPlatform calls the function as Scaleway's runtime does. The key stays at the
// gateway: the runtime's own code copies the request's headers into the
// response, those that the function leaves there.
func asPlatform(function http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("X-Auth-Token")
		scwlocal.CoreProcessing(w, r, function.ServeHTTP)
	})
}
