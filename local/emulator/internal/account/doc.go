// Package account is the account API: the projects of one organization.
//
// It answers as was recorded (docs/scaleway.md, Projects). Of what a project
// holds it asks by an interface, and only Secret Manager is asked (A68); what
// becomes of the rules that name a project which is gone is IAM's business.
package account
