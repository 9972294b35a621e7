// Package secrets is the Secret Manager of one organization, in all its regions.
//
// It promises what was recorded (docs/scaleway.md, Secrets and versions): a
// deletion that is soft and takes its time, a latest version that is the newest
// even while it is being deleted, and a quota. What nobody recorded stands
// under A60 to A66 in ASSUMPTIONS.md.
package secrets
