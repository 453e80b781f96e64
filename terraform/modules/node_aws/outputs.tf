output "addresses" {
  description = "Private address by name."
  value       = { for name, node in aws_instance.node : name => node.private_ip }
}

output "instances" {
  description = "Instance by name: what is fenced (stopped) before a replacement."
  value       = { for name, node in aws_instance.node : name => node.id }
}
