package scaleway

// The permission sets that the function's application needs, each by the call
// that needs it. README's policy is Policy below; a call that is refused names
// its set.
const (
	needIAMRead     = "IAMReadOnly"
	needKeys        = "IAMApplicationManager"
	needFunctions   = "FunctionsFullAccess"
	needContainers  = "ContainersFullAccess"
	needSecretRead  = "SecretManagerReadOnly"
	needSecretValue = "SecretManagerSecretAccess"
	needSecretNew   = "SecretManagerSecretCreate"
	needSecretWrite = "SecretManagerSecretWrite"
	needSecretDrop  = "SecretManagerSecretDelete"
	needMail        = "TransactionalEmailEmailApiCreate"
)

// PermissionSet is one line of the policy that the function's application
// needs.
type PermissionSet struct {
	Name         string
	Organization bool // granted on the organization, else on the function's project
	Why          string
}

// Optional lists what it needs besides where it is set to do more.
func Optional() []PermissionSet {
	return []PermissionSet{{needMail, false, "tell by e-mail how a run ended, where ROTATOR_NOTIFY has tem:"}}
}

// Policy lists the permission sets of the function's own application, the least
// that the whole job needs.
func Policy() []PermissionSet {
	return []PermissionSet{
		{needIAMRead, true, "find applications, users, policies, groups and API keys, and the organization's cap on key lifetimes"},
		{needKeys, true, "create and delete applications' API keys"},
		{needFunctions, false, "list functions, their domains and environments; give a new key to an environment that carries an old one; list and delete legacy tokens"},
		{needContainers, false, "list containers, their domains and environments; give a new key to an environment that carries an old one; list and delete legacy tokens"},
		{needSecretRead, false, "find the credentials' secrets and their versions"},
		{needSecretValue, false, "read a credential back, and check endpoints with it"},
		{needSecretNew, false, "create a credential's secret, publish a new key in it"},
		{needSecretWrite, false, "disable the version of a key that is retired; note what consumers still carry, or that a person went back from a key"},
		{needSecretDrop, false, "delete the version of a key that is retired"},
	}
}
