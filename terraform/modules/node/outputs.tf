output "addresses" {
  description = "Address by name."
  value       = { for name, node in var.nodes : name => node.address }
}
