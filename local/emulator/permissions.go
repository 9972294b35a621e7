package emulator

import (
	"slices"
	"strings"
)

// What each call needs, in one table: the action and the resource that its 403
// names, and the permission sets of which the caller must hold one. The sets'
// names are Scaleway's; which calls a set opens was pieced together from its
// documentation and is assumption A08 of ASSUMPTIONS.md.
//
// AllProductsReadOnly and AllProductsFullAccess are sets of projects (FACTS
// section 3, permission_sets_scope_type): they open nothing of IAM.
var (
	needReadApplication   = need{"read", "application", slices.Concat(iamReaders, []string{"IAMApplicationReadOnly", "IAMApplicationManager"})}
	needCreateApplication = need{"create", "application", applicationManagers}
	needWriteApplication  = need{"write", "application", applicationManagers}
	needDeleteApplication = need{"delete", "application", applicationManagers}

	needReadKey   = need{"read", "api_key", slices.Concat(iamReaders, []string{"IAMApplicationReadOnly", "IAMApplicationManager"})}
	needCreateKey = need{"create", "api_key", applicationManagers}
	needWriteKey  = need{"write", "api_key", applicationManagers}
	needDeleteKey = need{"delete", "api_key", applicationManagers}

	needReadPolicy   = need{"read", "policy", slices.Concat(iamReaders, []string{"IAMPolicyReadOnly", "IAMPolicyManager"})}
	needCreatePolicy = need{"create", "policy", policyManagers}
	needWritePolicy  = need{"write", "policy", policyManagers}
	needDeletePolicy = need{"delete", "policy", policyManagers}

	needReadGroup   = need{"read", "group", slices.Concat(iamReaders, []string{"IAMGroupReadOnly", "IAMGroupManager"})}
	needCreateGroup = need{"create", "group", groupManagers}
	needWriteGroup  = need{"write", "group", groupManagers}
	needDeleteGroup = need{"delete", "group", groupManagers}

	needReadUser = need{"read", "user", iamReaders}

	needReadSettings  = need{"read", "organization", slices.Concat(iamReaders, organizationReaders)}
	needWriteSettings = need{"write", "organization", []string{"IAMManager", "OrganizationManager"}}

	needReadProject   = need{"read", "project", slices.Concat(organizationReaders, []string{"ProjectReadOnly", "ProjectManager"})}
	needCreateProject = need{"create", "project", projectManagers}
	needWriteProject  = need{"write", "project", projectManagers}
	needDeleteProject = need{"delete", "project", projectManagers}

	// Reading about a secret is not reading the secret: the payload has its
	// own set, and AllProductsReadOnly does not hold it.
	needReadSecret    = need{"read", "secret", slices.Concat(readers, []string{"SecretManagerReadOnly", "SecretManagerFullAccess"})}
	needAccessVersion = need{"access", "secret_version", slices.Concat(masters, []string{"SecretManagerSecretAccess", "SecretManagerFullAccess"})}
	needCreateSecret  = need{"create", "secret", secretCreators}
	needCreateVersion = need{"create", "secret_version", secretCreators}
	needWriteSecret   = need{"write", "secret", secretWriters}
	needWriteVersion  = need{"write", "secret_version", secretWriters}
	needDeleteSecret  = need{"delete", "secret", secretDeleters}
	needDeleteVersion = need{"delete", "secret_version", secretDeleters}

	needReadFunctions   = need{"read", "function", slices.Concat(readers, []string{"FunctionsReadOnly", "FunctionsFullAccess"})}
	needWriteFunctions  = need{"write", "function", slices.Concat(masters, []string{"FunctionsFullAccess"})}
	needDeleteFunctions = need{"delete", "function", slices.Concat(masters, []string{"FunctionsFullAccess"})}

	needReadContainers   = need{"read", "container", slices.Concat(readers, []string{"ContainersReadOnly", "ContainersFullAccess"})}
	needWriteContainers  = need{"write", "container", slices.Concat(masters, []string{"ContainersFullAccess"})}
	needDeleteContainers = need{"delete", "container", slices.Concat(masters, []string{"ContainersFullAccess"})}

	// Whether the FullAccess sets open private endpoints is assumption A09.
	needCallFunction  = need{"call", "function", slices.Concat(masters, []string{"FunctionsPrivateAccess", "FunctionsFullAccess"})}
	needCallContainer = need{"call", "container", slices.Concat(masters, []string{"ContainersPrivateAccess", "ContainersFullAccess"})}
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

// scopeType is a rule's permission_sets_scope_type: what kind of scope its
// sets are made for, whatever scope the rule has (FACTS section 3). Any name
// is taken; sets of the organization are told by how they begin.
func scopeType(sets []string) string {
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
