package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

type apiCommand struct {
	Addr        string `default:"127.0.0.1:0" help:"Where the API listens: loopback only, port 0 for a free one (${default})." placeholder:"HOST:PORT"`
	ProxyAddr   string `default:"127.0.0.1:0" help:"Where the proxy to private endpoints listens (${default})." placeholder:"HOST:PORT"`
	ControlAddr string `default:"127.0.0.1:0" help:"Where one sees and moves the emulator: state, history, clock, faults (${default})." placeholder:"HOST:PORT"`
	CAFile      string `name:"ca-file" help:"Where to write the certificate of the emulator's CA. Without it, a temporary file." placeholder:"FILE"`
	Seed        string `default:"demo" help:"What the organization holds at first: demo, empty, or a file as local/emulator/seeds/README.md says (${default})." placeholder:"NAME|FILE"`
	Project     string `help:"The project of SCW_DEFAULT_PROJECT_ID, by ID or name. Without it, the seed's first that is not default." placeholder:"ID|NAME"`
	Clock       moment `help:"What the emulator's clock reads at first; it goes on from there. Without it, the present." placeholder:"TIME"`
	Latency     span   `help:"How long every API call and endpoint takes." placeholder:"50ms"`
	KeyLag      span   `help:"For how long a new key is refused now and then, as IAM's caches do." placeholder:"45s"`

	HostFunctions bool `help:"Build and run functions that are uploaded, and fire crons. It runs whatever is uploaded, as you."`

	network []string // the environment in which hosted functions reach this emulator, and nothing else
}

// Help is shown by api --help.
func (c *apiCommand) Help() string {
	return `Prints KEY=VALUE lines and then "ready". Any client works with them in its
environment: the Scaleway CLI and SDKs by SCW_API_URL, curl and others through
HTTPS_PROXY with SSL_CERT_FILE, by the endpoints' real names. A client that
CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS point elsewhere wants
the same file there.

EMULATOR_CONTROL_URL shows the emulator and moves its clock; curl it. Ctrl-C ends
it, and tells which routes were asked for that the emulator does not have.

  go run ./local api --seed empty --clock 2027-01-01T00:00:00Z`
}

func (c *apiCommand) Run(ctx context.Context, p program) error {
	e, err := c.emulator(p.stderr)
	if err != nil {
		return err
	}
	defer e.Close() //nolint:errcheck // at most a temporary folder stays behind
	project, err := defaultProject(e, c.Project)
	if err != nil {
		return err
	}
	ports := make([]net.Listener, 3)
	for i, at := range []struct{ flag, addr string }{
		{"--addr", c.Addr}, {"--proxy-addr", c.ProxyAddr}, {"--control-addr", c.ControlAddr},
	} {
		if ports[i], err = listen(ctx, at.flag, at.addr); err != nil {
			return err
		}
		defer ports[i].Close() //nolint:errcheck // its server has closed it
	}
	proxy, err := e.NewProxy()
	if err != nil {
		return err
	}
	caFile, remove, err := c.writeCA(proxy.CAPEM())
	if err != nil {
		return err
	}
	defer remove()
	c.network = []string{"HTTPS_PROXY=http://" + ports[1].Addr().String(), "SSL_CERT_FILE=" + caFile}
	accessKey, secretKey := e.Owner()
	fmt.Fprintf(p.stdout, "SCW_API_URL=http://%s\nSCW_ACCESS_KEY=%s\nSCW_SECRET_KEY=%s\n", ports[0].Addr(), accessKey, secretKey)
	fmt.Fprintf(p.stdout, "SCW_DEFAULT_ORGANIZATION_ID=%s\nSCW_DEFAULT_PROJECT_ID=%s\nSCW_DEFAULT_REGION=fr-par\n", e.Organization(), project)
	fmt.Fprintf(p.stdout, "HTTPS_PROXY=http://%s\nSSL_CERT_FILE=%s\nEMULATOR_CONTROL_URL=http://%s\nready\n", ports[1].Addr(), caFile, ports[2].Addr())

	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return serveUntil(ctx, e.API(), ports[0]) })
	all.Go(func() error { return proxyUntil(ctx, proxy, ports[1]) })
	all.Go(func() error { return serveUntil(ctx, e.Control(), ports[2]) })
	err = all.Wait()
	tally(p.stderr, e)
	return err
}

// proxyUntil serves until ctx is done, and then lets requests end.
func proxyUntil(ctx context.Context, proxy *emulator.Proxy, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- proxy.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), endingGrace)
	defer cancel()
	if err := proxy.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return <-ended
}

// writeCA writes the CA's certificate, which is no secret.
func (c *apiCommand) writeCA(pem []byte) (file string, remove func(), err error) {
	if c.CAFile != "" {
		file, err = filepath.Abs(c.CAFile)
		if err == nil {
			err = os.WriteFile(file, pem, 0o644) //nolint:gosec // a certificate is for everybody
		}
		return file, func() {}, err
	}
	temp, err := os.CreateTemp("", "scaleway-emulator-ca-*.pem")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.Remove(temp.Name()) }
	_, err = temp.Write(pem)
	if err = errors.Join(err, temp.Close()); err != nil {
		remove()
	}
	return temp.Name(), remove, err
}
