package serverless

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// token is a legacy token: a JWT that opens one workload or, without one, a
// whole namespace. It has neither a creation date nor a region (docs/scaleway.md,
// Legacy tokens).
type token struct {
	life
	id, description string
	namespace       *Namespace
	workload        *Workload // nil: the namespace's
	expires         wire.Stamp
	jwt             string
}

func (a *v1beta1) routeTokens(s *Serverless, mux *http.ServeMux) {
	a.handle(s, mux, "GET", "/tokens", unlessRemoved(a.listTokens))
	a.handle(s, mux, "POST", "/tokens", unlessRemoved(a.createToken))
	a.handle(s, mux, "GET", "/tokens/{token_id}", unlessRemoved(a.getToken))
	a.handle(s, mux, "DELETE", "/tokens/{token_id}", unlessRemoved(a.deleteToken))
}

// unlessRemoved answers what A06 says, once the platform has removed JWTs.
func unlessRemoved(serve regional) regional {
	return func(c *call, p *Product) (any, error) {
		if status := c.Settings.Answers.TokenRoutes; status != 0 {
			return nil, wire.Message(status, "tokens have been removed, use IAM authentication")
		}
		return serve(c, p)
	}
}

// shown is the token's status in the API's words.
func (t *token) shown() string {
	if t.status == statusPending {
		return "creating"
	}
	return t.status
}

// tokenView is a token without its secret parts: later reads hide the JWT
// behind a literal, a DELETE leaves it empty.
func (a *v1beta1) tokenView(t *token, jwt, publicKey string) wire.Object {
	view := wire.Object{
		"id": t.id, "token": jwt, "public_key": publicKey, "status": t.shown(),
		"description": t.description, "expires_at": t.expires,
	}
	if t.workload != nil {
		view[a.owner] = t.workload.id
	} else {
		view["namespace_id"] = t.namespace.id
	}
	return view
}

const hiddenToken = "<hidden>"

func (a *v1beta1) listTokens(c *call, p *Product) (any, error) {
	rows, err := search(c, p.tokens.All(nil), func(t *token) string { return t.namespace.project }, c.scope(p),
		func(t *token) bool { return c.passesOwner(a.owner, t.workload) && c.passesTokenNamespace(t) })
	if err != nil {
		return nil, err
	}
	return rendered(c, "tokens", api.Ordered(c.Call, rows, "created_at_asc", nil), func(t *token) any {
		return a.tokenView(t, hiddenToken, "")
	})
}

// passesOwner tells whether w passes the filter by function or container.
func (c *call) passesOwner(filter string, w *Workload) bool {
	if w == nil {
		return len(c.Filter(filter)) == 0
	}
	return c.Passes(filter, w.id)
}

// passesTokenNamespace is the filter by namespace: only the namespace's own
// tokens, unless A02 says otherwise.
func (c *call) passesTokenNamespace(t *token) bool {
	if len(c.Filter("namespace_id")) == 0 {
		return true
	}
	own := t.workload == nil || c.Settings.Answers.NamespaceTokensAll
	return own && c.Passes("namespace_id", t.namespace.id)
}

func (a *v1beta1) createToken(c *call, p *Product) (any, error) {
	var in struct {
		Namespace   string     `json:"namespace_id"`
		Function    string     `json:"function_id"`
		Container   string     `json:"container_id"`
		Description string     `json:"description"`
		Expires     *time.Time `json:"expires_at"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	owner := in.Function
	if a.owner == "container_id" {
		owner = in.Container
	}
	if (owner == "") == (in.Namespace == "") {
		return nil, wire.Message(http.StatusBadRequest, "exactly one of %s and namespace_id must be set", a.owner)
	}
	t := &token{description: in.Description, expires: wire.Given(in.Expires)}
	var err error
	if owner != "" {
		if t.workload, err = a.workload(c, p, owner); err == nil {
			t.namespace, err = t.workload.namespace, a.standing(&t.workload.life, a.kind)
		}
	} else if t.namespace, err = a.namespace(c, p, in.Namespace); err == nil {
		err = a.standing(&t.namespace.life, "Namespace")
	}
	if err != nil {
		return nil, err
	}
	t.id = c.Mint.UUID()
	t.jwt = c.sign(t, c.Now)
	t.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.TokenReady), status: statusReady})
	p.tokens.Put(t.id, t)
	return a.tokenView(t, t.jwt, c.publicKey(t.namespace)), nil
}

// token finds one. That of the other product is not found either, but the
// error names what this one lacks: recorded in 2025 on containers, and taken
// to be the same on functions (A22).
func (a *v1beta1) token(c *call, p *Product) (*token, error) {
	id := c.Request.PathValue("token_id")
	if t := p.tokens.Get(id); t != nil {
		return t, c.Authorize(t.namespace.project)
	}
	for _, other := range c.Products(c.Now) {
		if other.region == p.region && other.tokens.Get(id) != nil {
			return nil, wire.NoSuch(a.kind)
		}
	}
	return nil, wire.NoSuch("Token")
}

func (a *v1beta1) getToken(c *call, p *Product) (any, error) {
	t, err := a.token(c, p)
	if err != nil {
		return nil, err
	}
	return a.tokenView(t, hiddenToken, ""), nil
}

func (a *v1beta1) deleteToken(c *call, p *Product) (any, error) {
	t, err := a.token(c, p)
	if err != nil {
		return nil, err
	}
	t.vanish(c.Now.Add(c.Settings.Delays.TokenGone))
	return a.tokenView(t, "", ""), nil
}

// sign makes a token's JWT. Only its shape is real: the signature is random
// bytes of the right length, and nobody could check it. The gateway knows
// tokens by heart instead, and reads their expiry off the row.
func (s *Serverless) sign(t *token, now time.Time) string {
	claim := map[string]string{"namespace_id": "", "application_id": ""}
	if t.workload != nil {
		claim["application_id"] = t.workload.id
	} else {
		claim["namespace_id"] = t.namespace.id
	}
	claims := wire.Object{
		"application_claim": []any{claim}, "version": 2, "aud": "functions", "iss": "SCALEWAY", "sub": "token",
		"jti": t.id, "iat": now.Unix(), "nbf": now.Unix(),
	}
	if !t.expires.IsNull() {
		claims["exp"] = t.expires.Time.Unix()
	}
	part := func(v any) string {
		text, _ := json.Marshal(v) //nolint:errchkjson // maps of strings and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(wire.Object{"alg": "RS256", "typ": "JWT"}) + "." + part(claims) + "." +
		base64.RawURLEncoding.EncodeToString(s.base.Mint.Bytes(modulusSize))
}

// modulusSize is that of RSA with 4096 bits.
const modulusSize = 512

// publicKey is the one that all tokens of a namespace share: well formed, with
// a random number for a modulus.
func (s *Serverless) publicKey(n *Namespace) string {
	if n.publicKey == "" {
		modulus := s.base.Mint.Bytes(modulusSize)
		modulus[0] |= 0x80
		modulus[modulusSize-1] |= 1
		der := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537})
		n.publicKey = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: der}))
	}
	return n.publicKey
}
