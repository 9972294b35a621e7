// Package iam is the IAM of one organization: users, applications, groups,
// policies with their rules and conditions, API keys and the security settings.
//
// It serves IAM's API as docs/scaleway.md has it, and says for all others who a
// caller is and what he may do. It promises that a right is there when a rule
// of a policy that reaches the caller grants it, in its scope and under its
// condition; that caches are behind as long as the settings have them be; and
// that a secret key shows once. Which calls a permission set opens is package
// permission's. What nobody recorded stands under A10 to A19 in ASSUMPTIONS.md,
// and A67, A70, A81, A83 and A86.
package iam
