output "application_id" {
  description = "The application whose key the function runs on: the first is made for it by hand."
  value       = scaleway_iam_application.rotator.id
}

output "function_id" {
  description = "The function."
  value       = scaleway_function.rotator.id
}

output "host" {
  description = "Where to ask for a run."
  value       = scaleway_function.rotator.domain_name
}
