// Package api is what all products of the API do alike: routes, the caller of a
// request and what he may do, bodies, filters, order and pages.
//
// It promises that a route is served with the emulator's one lock held, to a
// caller who is known; what he may do, IAM says (Access). How lists filter and
// page was recorded (docs/scaleway.md, Lists).
package api
