// Package serverless is Serverless Functions and Serverless Containers of one
// organization, in all their regions: namespaces, functions, containers, legacy
// tokens, custom domains, crons and revisions, behind the APIs functions v1beta1,
// containers v1beta1 and containers v1. The two of containers are views of the
// same rows.
//
// It promises the answers of FACTS sections 4 and 5, statuses that move on the
// emulator's clock, and that code sees the environment which the API held when
// its deployment began. It tells who asks where a host leads (Entrance), tests
// what the API does not (Bench), and the auditor what it compares. What nobody
// recorded stands under A02, A05, A06, A20 to A28, A31, A72 to A74, A77 and A80 in
// ASSUMPTIONS.md.
package serverless
