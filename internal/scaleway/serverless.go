package scaleway

import (
	"context"
	"strings"

	container "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// Product is one of the two serverless products.
type Product string

// The products, as their API's paths name them.
const (
	Functions  Product = "functions"
	Containers Product = "containers"
)

// PrivateAccess is the permission set that lets a key call the product's
// private endpoints.
func (p Product) PrivateAccess() string {
	if p == Functions {
		return "FunctionsPrivateAccess"
	}
	return "ContainersPrivateAccess"
}

// One is the product's name for a single resource: function or container.
func (p Product) One() string { return strings.TrimSuffix(string(p), "s") }

// Namespace is a namespace of functions or of containers, in this project.
type Namespace struct {
	Product Product
	ID      string
	Name    string
	Region  string
	// Environment is what it gives to all code in it. A pointer, so that
	// namespaces can be compared.
	Environment *Environment
}

// Resource is a function or a container.
type Resource struct {
	Product   Product
	ID        string
	Name      string
	Region    string
	Namespace Namespace
	Private   bool   // or of a privacy that is not known here
	Ready     bool   // its status is ready
	Status    string // as the API says
	Host      string // of the default endpoint
	// HostMayBeOff: the default endpoint is said to be disabled; old answers
	// say so of every container (docs/scaleway.md, Containers).
	HostMayBeOff bool
	PlainHTTP    bool   // it serves plain HTTP too
	HealthPath   string // a container's HTTP health check, or ""
	Environment  Environment
	Domains      []Domain // filled by the caller
}

// Regions returns the regions in which the product's API exists.
func (c *Client) Regions(p Product) []string {
	known := c.functions.Regions()
	if p == Containers {
		known = c.containers.Regions()
	}
	return names(known)
}

// TokenRegions returns the regions in which the product has legacy tokens:
// for containers, those of the old API.
func (c *Client) TokenRegions(p Product) []string {
	if p == Containers {
		return names(c.containersBeta.Regions())
	}
	return names(c.functions.Regions())
}

func names(regions []scw.Region) []string {
	out := make([]string, 0, len(regions))
	for _, r := range regions {
		out = append(out, r.String())
	}
	return out
}

// Namespaces lists the project's namespaces of one product in a region.
// GET /functions/v1beta1/…/namespaces or /containers/v1/…/namespaces.
func (c *Client) Namespaces(ctx context.Context, p Product, region string) ([]Namespace, error) {
	var (
		namespaces []Namespace
		err        error
	)
	add := func(e Environment, project string) {
		if project == "" {
			err = missing("namespace "+e.ID, "project_id")
		}
		if project == c.project {
			namespaces = append(namespaces, Namespace{Product: p, ID: e.ID, Name: e.Name, Region: region, Environment: &e})
		}
	}
	act := "list the " + p.One() + " namespaces in " + region
	if p == Functions {
		var found []*function.Namespace
		found, err = every(ctx, c, func(x *function.Namespace) string { return x.ID }, func(page *int32) ([]*function.Namespace, uint64, error) {
			resp, err := c.functions.ListNamespaces(&function.ListNamespacesRequest{
				Region: scw.Region(region), ProjectID: &c.project,
				OrderBy: function.ListNamespacesRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
			}, scw.WithContext(ctx))
			if err != nil {
				return nil, 0, err
			}
			return resp.Namespaces, uint64(resp.TotalCount), nil
		})
		for _, n := range found {
			add(ofFunctionNamespace(n, region), n.ProjectID)
		}
	} else {
		var found []*container.Namespace
		found, err = every(ctx, c, func(x *container.Namespace) string { return x.ID }, func(page *int32) ([]*container.Namespace, uint64, error) {
			resp, err := c.containers.ListNamespaces(&container.ListNamespacesRequest{
				Region: scw.Region(region), ProjectID: &c.project,
				OrderBy: container.ListNamespacesRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
			}, scw.WithContext(ctx))
			if err != nil {
				return nil, 0, err
			}
			return resp.Namespaces, uint64(resp.TotalCount), nil
		})
		for _, n := range found {
			add(ofContainerNamespace(n, region), n.ProjectID)
		}
	}
	if err != nil {
		return nil, failure(act, Scope{Product: p}.needs(), err)
	}
	return namespaces, nil
}

// Resources lists the project's functions or containers in a region, by the
// namespaces that Namespaces found there.
// GET /functions/v1beta1/…/functions or /containers/v1/…/containers.
func (c *Client) Resources(ctx context.Context, p Product, region string, namespaces []Namespace) ([]Resource, error) {
	ours := make(map[string]Namespace, len(namespaces))
	for _, n := range namespaces {
		ours[n.ID] = n
	}
	var (
		found []Resource
		err   error
	)
	if p == Functions {
		found, err = c.listFunctions(ctx, region)
	} else {
		found, err = c.listContainers(ctx, region)
	}
	if err != nil {
		return nil, err
	}
	var resources []Resource
	for _, r := range found {
		if r.Namespace.ID == "" {
			return nil, missing(p.One()+" "+r.Name+" in "+region, "namespace_id")
		}
		if namespace, ok := ours[r.Namespace.ID]; ok {
			r.Namespace = namespace
			resources = append(resources, r)
		}
	}
	return resources, nil
}

func (c *Client) listFunctions(ctx context.Context, region string) ([]Resource, error) {
	list, err := every(ctx, c, func(x *function.Function) string { return x.ID }, func(page *int32) ([]*function.Function, uint64, error) {
		resp, err := c.functions.ListFunctions(&function.ListFunctionsRequest{
			Region: scw.Region(region), ProjectID: &c.project,
			OrderBy: function.ListFunctionsRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Functions, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the functions in "+region, needFunctions, err)
	}
	var found []Resource
	for _, f := range list {
		found = append(found, Resource{
			Product: Functions, ID: f.ID, Name: f.Name, Region: region, Namespace: Namespace{ID: f.NamespaceID},
			Private: f.Privacy != function.FunctionPrivacyPublic, Ready: f.Status == function.FunctionStatusReady,
			Status: f.Status.String(), Host: f.DomainName,
			PlainHTTP: f.HTTPOption == function.FunctionHTTPOptionEnabled, Environment: ofFunction(f, region),
		})
	}
	return found, nil
}

func (c *Client) listContainers(ctx context.Context, region string) ([]Resource, error) {
	list, err := every(ctx, c, func(x *container.Container) string { return x.ID }, func(page *int32) ([]*container.Container, uint64, error) {
		resp, err := c.containers.ListContainers(&container.ListContainersRequest{
			Region: scw.Region(region), ProjectID: &c.project,
			OrderBy: container.ListContainersRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Containers, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the containers in "+region, needContainers, err)
	}
	var found []Resource
	for _, k := range list {
		r := Resource{
			Product: Containers, ID: k.ID, Name: k.Name, Region: region, Namespace: Namespace{ID: k.NamespaceID},
			Private: k.Privacy != container.ContainerPrivacyPublic, Ready: k.Status == container.ContainerStatusReady,
			Status: k.Status.String(), Host: hostOf(k.PublicEndpoint), HostMayBeOff: !k.DefaultPublicEndpointEnabled,
			PlainHTTP: !k.HTTPSConnectionsOnly, Environment: ofContainer(k, region),
		}
		if k.LivenessProbe != nil && k.LivenessProbe.HTTP != nil {
			r.HealthPath = k.LivenessProbe.HTTP.Path
		}
		found = append(found, r)
	}
	return found, nil
}

// hostOf takes the host out of containers v1's public_endpoint, a URL; the old
// API's bare host passes as it is, and so does what is more than a host.
func hostOf(endpoint string) string {
	return strings.TrimSuffix(strings.TrimPrefix(endpoint, "https://"), "/")
}
