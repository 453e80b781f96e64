output "airflow_address" {
  description = "The Elastic IP of Airflow's host: its page is on port 8080."
  value       = aws_eip.airflow.public_ip
}

output "contact_points" {
  description = "For CASSANDRA_CONTACT_POINTS."
  value       = values(module.cassandra.addresses)
}

output "spark_master" {
  description = "The URL for SPARK_MASTER."
  value       = "spark://${var.spark.master_address}:7077"
}

output "instances" {
  description = "Instance of each node of Cassandra by name: what is stopped at the provider to fence it."
  value       = module.cassandra.instances
}
