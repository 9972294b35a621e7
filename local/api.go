package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

type apiCommand struct {
	Addr      string `default:"127.0.0.1:0" help:"Where the API listens; loopback only, port 0 for a free one." placeholder:"HOST:PORT"`
	ProxyAddr string `default:"127.0.0.1:0" help:"Where the proxy to private endpoints listens." placeholder:"HOST:PORT"`
	CAFile    string `name:"ca-file" help:"Where to write the certificate of the emulator's CA. Without it, a temporary file." placeholder:"FILE"`
	Seed      string `enum:"demo,empty" default:"demo" help:"What the organization holds at first: demo or empty."`
}

// Help is shown by api --help.
func (c *apiCommand) Help() string {
	return `Prints KEY=VALUE lines and then "ready". Any client works with them in its
environment: the Scaleway CLI and SDKs by SCW_API_URL, curl and others through
HTTPS_PROXY with SSL_CERT_FILE, by the endpoints' real names.`
}

func (c *apiCommand) Run(ctx context.Context, p program) error {
	e := emulator.New(emulator.Options{})
	seed, project := emulator.Demo(), "demo"
	if c.Seed == "empty" {
		seed, project = emulator.Empty(), "default"
	}
	if err := e.Load(seed); err != nil {
		return err
	}
	api, err := listen(ctx, c.Addr)
	if err != nil {
		return err
	}
	defer api.Close() //nolint:errcheck // the server has closed it
	tunnel, err := listen(ctx, c.ProxyAddr)
	if err != nil {
		return err
	}
	defer tunnel.Close() //nolint:errcheck // the proxy has closed it
	proxy, err := e.NewProxy()
	if err != nil {
		return err
	}
	caFile, remove, err := c.writeCA(proxy.CAPEM())
	if err != nil {
		return err
	}
	defer remove()
	accessKey, secretKey := e.Owner()
	fmt.Fprintf(p.stdout, "SCW_API_URL=http://%s\nSCW_ACCESS_KEY=%s\nSCW_SECRET_KEY=%s\n", api.Addr(), accessKey, secretKey)
	fmt.Fprintf(p.stdout, "SCW_DEFAULT_ORGANIZATION_ID=%s\nSCW_DEFAULT_PROJECT_ID=%s\nSCW_DEFAULT_REGION=fr-par\n", e.Organization(), e.Project(project))
	fmt.Fprintf(p.stdout, "HTTPS_PROXY=http://%s\nSSL_CERT_FILE=%s\nready\n", tunnel.Addr(), caFile)

	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		return serveUntil(ctx, &http.Server{Handler: e.API(), ReadHeaderTimeout: 10 * time.Second}, api)
	})
	both.Go(func() error { return proxy.Serve(tunnel) })
	both.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := proxy.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	})
	return both.Wait()
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
	_, err = temp.Write(pem)
	return temp.Name(), func() { _ = os.Remove(temp.Name()) }, errors.Join(err, temp.Close())
}
