package scaleway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	containerbeta "github.com/scaleway/scaleway-sdk-go/api/container/v1beta1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// Scope is what a legacy token opens: a namespace with all that is in it, or
// one function or container.
type Scope struct {
	Product    Product
	Region     string
	Namespace  Namespace
	ResourceID string // "": the whole namespace
	Name       string // of the resource or the namespace
}

// Kind names the scope: namespace, function or container.
func (s Scope) Kind() string {
	if s.ResourceID == "" {
		return "namespace"
	}
	return s.Product.One()
}

// Covers tells whether a token of this scope opens r.
func (s Scope) Covers(r Resource) bool {
	if s.Product != r.Product || s.Namespace.ID != r.Namespace.ID {
		return false
	}
	return s.ResourceID == "" || s.ResourceID == r.ID
}

// Token is a legacy token (a JWT), without the JWT.
type Token struct {
	ID          string
	Scope       Scope
	Description string
	ExpiresAt   time.Time // zero: never
	Status      string
}

// Tokens lists the legacy tokens of exactly this scope: a namespace's own, not
// those of its functions, whichever of them the API lists (A02). ErrNotFound is
// that the scope is gone, and its tokens with it; ErrNoRoute that the call exists
// no more (A06): how many tokens there are is not known then. A 404 may be either,
// so the scope is asked for.
// GET /functions/v1beta1/…/tokens or /containers/v1beta1/…/tokens.
func (c *Client) Tokens(ctx context.Context, s Scope) ([]Token, error) {
	var (
		tokens []Token
		err    error
	)
	add := func(id, namespace, resource, description, status string, expires *time.Time) {
		if namespace == "" && resource == "" {
			err = missing("token "+id, s.Product.One()+"_id, and no namespace_id")
		}
		if (s.ResourceID == "" && namespace == s.Namespace.ID && resource == "") || (s.ResourceID != "" && resource == s.ResourceID) {
			tokens = append(tokens, Token{ID: id, Scope: s, Description: description, Status: status, ExpiresAt: value(expires)})
		}
	}
	namespace, resource := &s.Namespace.ID, (*string)(nil)
	if s.ResourceID != "" {
		namespace, resource = nil, &s.ResourceID
	}
	if s.Product == Functions {
		var found []*function.Token
		found, err = every(ctx, c, func(x *function.Token) string { return x.ID }, func(page *int32) ([]*function.Token, uint64, error) {
			resp, err := c.functions.ListTokens(&function.ListTokensRequest{
				Region: scw.Region(s.Region), NamespaceID: namespace, FunctionID: resource, Page: page, PageSize: scw.Uint32Ptr(pageSize),
				OrderBy: function.ListTokensRequestOrderByCreatedAtAsc,
			}, scw.WithContext(ctx))
			if err != nil {
				return nil, 0, err
			}
			return resp.Tokens, uint64(resp.TotalCount), nil
		})
		for _, t := range found {
			add(t.ID, value(t.NamespaceID), value(t.FunctionID), value(t.Description), t.Status.String(), t.ExpiresAt)
		}
	} else {
		var found []*containerbeta.Token
		found, err = every(ctx, c, func(x *containerbeta.Token) string { return x.ID }, func(page *int32) ([]*containerbeta.Token, uint64, error) {
			resp, err := c.containersBeta.ListTokens(&containerbeta.ListTokensRequest{
				Region: scw.Region(s.Region), NamespaceID: namespace, ContainerID: resource, Page: page, PageSize: scw.Uint32Ptr(pageSize),
				OrderBy: containerbeta.ListTokensRequestOrderByCreatedAtAsc,
			}, scw.WithContext(ctx))
			if err != nil {
				return nil, 0, err
			}
			return resp.Tokens, uint64(resp.TotalCount), nil
		})
		for _, t := range found {
			add(t.ID, value(t.NamespaceID), value(t.ContainerID), value(t.Description), t.Status.String(), t.ExpiresAt)
		}
	}
	if err == nil {
		return tokens, nil
	}
	err = failure("list the legacy tokens of "+s.Kind()+" "+s.Name, s.needs(), err)
	failed, ok := errors.AsType[*Error](err)
	switch {
	case ok && noRoute(failed.Cause):
		failed.Class = ErrNoRoute
	case ok && errors.Is(failed.Class, ErrNotFound):
		there, lookErr := c.Exists(ctx, s)
		if lookErr != nil {
			return nil, lookErr
		}
		if there {
			failed.Class = ErrNoRoute
		}
	}
	return nil, err
}

// noRoute tells whether an answer means that there is no such call.
func noRoute(err error) bool {
	answer, ok := errors.AsType[*scw.ResponseError](err)
	return ok && slices.Contains([]int{http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented}, answer.StatusCode)
}

// Exists tells whether the namespace, function or container is still there.
func (c *Client) Exists(ctx context.Context, s Scope) (bool, error) {
	e := Environment{Product: s.Product, Region: s.Region, ID: s.ResourceID, NamespaceID: s.Namespace.ID, Name: s.Name}
	if s.ResourceID == "" {
		e.ID = s.Namespace.ID
	}
	_, err := c.ReadEnvironment(ctx, e)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// DeleteToken deletes a legacy token for good, through the product that it
// belongs to: elsewhere a 404 proves nothing (docs/scaleway.md, Legacy tokens).
// One that is gone already counts as deleted; where the call exists no more, that
// is ErrNoRoute. DELETE /functions/v1beta1/…/tokens/{token_id} or
// /containers/v1beta1/….
func (c *Client) DeleteToken(ctx context.Context, t Token) error {
	var err error
	if t.Scope.Product == Functions {
		_, err = c.functions.DeleteToken(&function.DeleteTokenRequest{Region: scw.Region(t.Scope.Region), TokenID: t.ID}, scw.WithContext(ctx))
	} else {
		_, err = c.containersBeta.DeleteToken(&containerbeta.DeleteTokenRequest{Region: scw.Region(t.Scope.Region), TokenID: t.ID}, scw.WithContext(ctx))
	}
	err = failure("delete the legacy token "+t.ID, t.Scope.needs(), err)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if failed, ok := errors.AsType[*Error](err); ok && noRoute(failed.Cause) {
		failed.Class = ErrNoRoute
	}
	return err
}

func (s Scope) needs() string {
	if s.Product == Functions {
		return needFunctions
	}
	return needContainers
}
