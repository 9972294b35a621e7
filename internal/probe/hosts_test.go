package probe_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// TestOnlyAnEndpointsAddressIsAsked names addresses as the API might, and looks
// whether anything is sent there: the far side refuses what has no valid key, as
// an endpoint would, and would be sent the key next.
func TestOnlyAnEndpointsAddressIsAsked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	const fine = "shop-api.functions.fnc.fr-par.scw.cloud"
	for _, row := range []struct {
		host             string
		standard, custom bool // whether it is asked, as which of the two
	}{
		{fine, true, false},
		{"a.functions.fnc.fr-par.scw.cloud", true, false},
		{"web.containers.fnc.fr-par.scw.cloud", true, false},
		{long + ".functions.fnc.fr-par.scw.cloud", true, false},
		{long + "a.functions.fnc.fr-par.scw.cloud", false, false},
		{"shop-api.functions.fnc.nl-ams.scw.cloud", false, false}, // another region's
		{"a.b.functions.fnc.fr-par.scw.cloud", false, false},
		{"-a.functions.fnc.fr-par.scw.cloud", false, false},
		{"functions.fnc.fr-par.scw.cloud", false, false},
		{fine + ".example.com", false, true},
		{"shop.example.com", false, true},
		{"a.b.c.example.co.uk", false, true},
		{"xn--bcher-kva.example", false, true},
		{"shop.xn--p1ai", false, true},
		{fine + "/path", false, false},
		{fine + "/", false, false},
		{fine + ":8443", false, false},
		{fine + ".", false, false},
		{fine + "?q", false, false},
		{fine + "#f", false, false},
		{"key@" + fine, false, false},
		{"user:password@shop.example.com", false, false},
		{"shop.example.com/path", false, false},
		{"shop.example.com:443", false, false},
		{"shop.example.com\\@evil.example", false, false},
		{"http://shop.example.com", false, false},
		{"https://" + fine, false, false},
		{"169.254.169.254", false, false},
		{"127.0.0.1", false, false},
		{"2130706433", false, false},
		{"0x7f.1", false, false},
		{"[::1]", false, false},
		{"::1", false, false},
		{"localhost", false, false},
		{"a.localhost", false, false},
		{"metadata.google.internal", false, false},
		{"printer.local", false, false},
		{"api.scaleway.com", false, false},
		{"scaleway.com", false, false},
		{"s3.fr-par.scw.cloud", false, false},
		{"", false, false},
		{" ", false, false},
		{"shop example.com", false, false},
		{" shop.example.com", false, false},
		{"shop.example.com\n", false, false},
		{"shop.example.com\x00", false, false},
		{"SHOP-API.functions.fnc.fr-par.scw.cloud", true, false}, // names compare in lower case
		{"Shop.example.com", false, true},
		{"API.Scaleway.COM", false, false},
		{"shop..example.com", false, false},
		{".example.com", false, false},
		{"shop_api.example.com", false, false},
		{"*.example.com", false, false},
		{"bücher.example", false, false},
		{"shop", false, false},
		{strings.Repeat("a.", 130) + "example", false, false},
	} {
		for _, custom := range []bool{false, true} {
			far := &refusing{}
			r := scaleway.Resource{Product: scaleway.Functions, ID: "f", Name: "api", Region: "fr-par", Private: true, Ready: true, Host: row.host}
			want := row.standard
			if custom {
				r.Host, r.Domains, want = fine, []scaleway.Domain{{Host: row.host, Ready: true}}, row.custom
			}
			endpoints := probe.Endpoints([]scaleway.Resource{r}, "/favicon.ico", func(scaleway.Resource) bool { return false })
			endpoint := endpoints[len(endpoints)-1:]
			_, clock := manual()
			p := probe.New(probe.Options{Transport: far, Clock: clock, Concurrency: 4})
			rows := p.Check(t.Context(), slices.Values(endpoint), []probe.Key{key()})
			_, witness := p.Witness(t.Context(), endpoint, []probe.Key{key()}, key())
			asked := len(far.kinds()) > 0
			if asked != want {
				t.Errorf("%q, custom %t: sent %v", row.host, custom, far.kinds())
			}
			if refused := rows[0].Result == probe.Doubtful; refused == want || witness || !strings.HasPrefix(rows[0].Detail, rows[0].Endpoint.Doubt) {
				t.Errorf("%q, custom %t: %s (%s), a witness: %t", row.host, custom, rows[0].Result, rows[0].Detail, witness)
			}
			if !want && (strings.ContainsAny(rows[0].Endpoint.URL, "\n\x00") || len(rows[0].Endpoint.URL) > 200) {
				t.Errorf("%q is not fit to be read: %q", row.host, rows[0].Endpoint.URL)
			}
		}
	}
}

// refusing is a far side that turns everybody away.
type refusing struct{ notes }

func (f *refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	f.note(r)
	return &http.Response{StatusCode: http.StatusForbidden, Status: "403 Forbidden", Body: http.NoBody, Request: r}, nil
}
