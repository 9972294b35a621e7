package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// listen opens a port on loopback and nowhere else. flag is where the address
// comes from.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, misused("%s %s: want HOST:PORT, such as 127.0.0.1:8080", flag, addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, misused("%s %s: want a loopback address, such as 127.0.0.1:8080: this is not for others to reach", flag, addr)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if cause, ok := errors.AsType[*os.SyscallError](err); ok {
		return nil, fmt.Errorf("%s %s: cannot listen there: %w; is something else using the port? try another, or port 0 for a free one", flag, addr, cause.Err)
	}
	if err != nil {
		return nil, misused("%s %s: want HOST:PORT, such as 127.0.0.1:8080: %w", flag, addr, err)
	}
	return listener, nil
}

// How long requests under way may take once the program is to end.
const endingGrace = 10 * time.Second

// serveUntil serves until ctx is done, and then lets requests end.
func serveUntil(ctx context.Context, handler http.Handler, listener net.Listener) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), endingGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return server.Close()
	}
	return nil
}
