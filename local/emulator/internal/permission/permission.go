package permission

import (
	"slices"
	"strings"
)

// Need says what a caller must hold to use a route: one of the permission
// sets, in the scope that the endpoint asks about.
type Need struct {
	Action   string // as the 403 names it: read, write, delete, …
	Resource string // as the 403 names it: api_key, function, …
	Sets     []string
}

// What each call needs, in one table: the action and the resource that its 403
// names, and the permission sets of which the caller must hold one. The sets'
// names are Scaleway's; which calls a set opens was pieced together from its
// documentation and is assumption A08 of ASSUMPTIONS.md.
//
// AllProductsReadOnly and AllProductsFullAccess are sets of projects
// (docs/scaleway.md, Policies and rules): they open nothing of IAM.
var (
	ReadApplication   = Need{"read", "application", slices.Concat(iamReaders, []string{"IAMApplicationReadOnly", "IAMApplicationManager"})}
	CreateApplication = Need{"create", "application", applicationManagers}
	WriteApplication  = Need{"write", "application", applicationManagers}
	DeleteApplication = Need{"delete", "application", applicationManagers}

	ReadKey   = Need{"read", "api_key", slices.Concat(iamReaders, []string{"IAMApplicationReadOnly", "IAMApplicationManager"})}
	CreateKey = Need{"create", "api_key", applicationManagers}
	WriteKey  = Need{"write", "api_key", applicationManagers}
	DeleteKey = Need{"delete", "api_key", applicationManagers}

	ReadPolicy   = Need{"read", "policy", slices.Concat(iamReaders, []string{"IAMPolicyReadOnly", "IAMPolicyManager"})}
	CreatePolicy = Need{"create", "policy", policyManagers}
	WritePolicy  = Need{"write", "policy", policyManagers}
	DeletePolicy = Need{"delete", "policy", policyManagers}

	ReadGroup   = Need{"read", "group", slices.Concat(iamReaders, []string{"IAMGroupReadOnly", "IAMGroupManager"})}
	CreateGroup = Need{"create", "group", groupManagers}
	WriteGroup  = Need{"write", "group", groupManagers}
	DeleteGroup = Need{"delete", "group", groupManagers}

	ReadUser = Need{"read", "user", iamReaders}

	ReadSettings  = Need{"read", "organization", slices.Concat(iamReaders, organizationReaders)}
	WriteSettings = Need{"write", "organization", []string{"IAMManager", "OrganizationManager"}}

	ReadQuota = Need{"read", "quota", slices.Concat(iamReaders, organizationReaders)}

	ReadProject   = Need{"read", "project", slices.Concat(organizationReaders, []string{"ProjectReadOnly", "ProjectManager"})}
	CreateProject = Need{"create", "project", projectManagers}
	WriteProject  = Need{"write", "project", projectManagers}
	DeleteProject = Need{"delete", "project", projectManagers}

	// Reading about a secret is not reading the secret: the payload has its
	// own set, and AllProductsReadOnly does not hold it.
	ReadSecret    = Need{"read", "secret", slices.Concat(readers, []string{"SecretManagerReadOnly", "SecretManagerFullAccess"})}
	AccessVersion = Need{"access", "secret_version", slices.Concat(masters, []string{"SecretManagerSecretAccess", "SecretManagerFullAccess"})}
	CreateSecret  = Need{"create", "secret", secretCreators}
	CreateVersion = Need{"create", "secret_version", secretCreators}
	WriteSecret   = Need{"write", "secret", secretWriters}
	WriteVersion  = Need{"write", "secret_version", secretWriters}
	DeleteSecret  = Need{"delete", "secret", secretDeleters}
	DeleteVersion = Need{"delete", "secret_version", secretDeleters}

	ReadFunctions   = Need{"read", "function", slices.Concat(readers, []string{"FunctionsReadOnly", "FunctionsFullAccess"})}
	WriteFunctions  = Need{"write", "function", slices.Concat(masters, []string{"FunctionsFullAccess"})}
	DeleteFunctions = Need{"delete", "function", slices.Concat(masters, []string{"FunctionsFullAccess"})}

	ReadContainers   = Need{"read", "container", slices.Concat(readers, []string{"ContainersReadOnly", "ContainersFullAccess"})}
	WriteContainers  = Need{"write", "container", slices.Concat(masters, []string{"ContainersFullAccess"})}
	DeleteContainers = Need{"delete", "container", slices.Concat(masters, []string{"ContainersFullAccess"})}

	// TransactionalEmailEmailApiCreate is made for it (docs/scaleway.md, Transactional email).
	CreateEmail = Need{"create", "email", slices.Concat(masters, []string{"TransactionalEmailEmailApiCreate", "TransactionalEmailEmailFullAccess", "TransactionalEmailFullAccess"})}

	// Whether the FullAccess sets open private endpoints is assumption A09.
	CallFunction  = Need{"call", "function", slices.Concat(masters, []string{"FunctionsPrivateAccess", "FunctionsFullAccess"})}
	CallContainer = Need{"call", "container", slices.Concat(masters, []string{"ContainersPrivateAccess", "ContainersFullAccess"})}
)

var (
	iamReaders          = []string{"IAMReadOnly", "IAMManager"}
	organizationReaders = []string{"OrganizationReadOnly", "OrganizationManager"}
	applicationManagers = []string{"IAMManager", "IAMApplicationManager"}
	policyManagers      = []string{"IAMManager", "IAMPolicyManager"}
	groupManagers       = []string{"IAMManager", "IAMGroupManager"}
	projectManagers     = []string{"OrganizationManager", "ProjectManager"}

	readers        = []string{"AllProductsReadOnly", "AllProductsFullAccess"}
	masters        = []string{"AllProductsFullAccess"}
	secretCreators = slices.Concat(masters, []string{"SecretManagerSecretCreate", "SecretManagerFullAccess"})
	secretWriters  = slices.Concat(masters, []string{"SecretManagerSecretWrite", "SecretManagerFullAccess"})
	secretDeleters = slices.Concat(masters, []string{"SecretManagerSecretDelete", "SecretManagerFullAccess"})
)

// ScopeType is a rule's permission_sets_scope_type: what kind of scope its
// sets are made for, whatever scope the rule has (docs/scaleway.md, Policies and
// rules). Any name is taken; sets of the organization are told by how they begin.
func ScopeType(sets []string) string {
	if len(sets) == 0 {
		return "unknown_scope_type"
	}
	for _, prefix := range []string{"IAM", "Organization", "Project", "SupportTicket", "Billing"} {
		if strings.HasPrefix(sets[0], prefix) {
			return "organization"
		}
	}
	return "projects"
}

// Sets are the permission sets that any call here asks for, in the order of their
// names. Scaleway has many more.
func Sets() []string {
	var names []string
	for _, n := range []Need{
		ReadApplication, CreateApplication, WriteApplication, DeleteApplication, ReadKey, CreateKey, WriteKey, DeleteKey, ReadPolicy, CreatePolicy, WritePolicy, DeletePolicy, ReadGroup, CreateGroup, WriteGroup, DeleteGroup, ReadUser, ReadSettings, WriteSettings, ReadQuota, ReadProject, CreateProject, WriteProject, DeleteProject, ReadSecret, AccessVersion, CreateSecret, CreateVersion, WriteSecret, WriteVersion, DeleteSecret, DeleteVersion, ReadFunctions, WriteFunctions, DeleteFunctions, ReadContainers, WriteContainers, DeleteContainers, CreateEmail, CallFunction, CallContainer,
	} {
		names = append(names, n.Sets...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
