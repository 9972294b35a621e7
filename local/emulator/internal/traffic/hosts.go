package traffic

import (
	"context"
	"net"
	"net/http"
	"strings"
)

// APIHost is the one host of the API; every other host is an endpoint's.
const APIHost = "api.scaleway.com"

// HostOnly is a host without its port, as hosts are compared.
func HostOnly(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// schemeKey is the context key for a request's scheme, where the connection
// cannot tell it.
type schemeKey struct{}

// WithScheme says by which scheme a request came.
func WithScheme(ctx context.Context, scheme string) context.Context {
	return context.WithValue(ctx, schemeKey{}, scheme)
}

// Secure tells whether a request came by HTTPS.
func Secure(r *http.Request) bool {
	if scheme, ok := r.Context().Value(schemeKey{}).(string); ok {
		return scheme == "https"
	}
	return r.TLS != nil
}
