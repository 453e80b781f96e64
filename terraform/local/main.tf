# A cluster of processes on this machine's loopback addresses: real Cassandra nodes, a real Spark master and workers.

locals {
  script = abspath("${path.module}/node.sh")
  # All are seeds, so that they may be started in any order. A node that replaces another is started without itself
  # among them: a seed does not stream.
  seeds       = sort([for node in var.cassandra_nodes : node.address])
  spark_hosts = [for node in var.spark_master : node.address]
}

module "cassandra" {
  source     = "../modules/node"
  kind       = "cassandra"
  nodes      = var.cassandra_nodes
  settings   = merge(var.cassandra, { seeds = local.seeds })
  run_folder = var.run_folder
  script     = local.script
}

module "spark_master" {
  source     = "../modules/node"
  kind       = "spark-master"
  nodes      = var.spark_master
  settings   = var.spark
  run_folder = var.run_folder
  script     = local.script
}

module "spark_workers" {
  source     = "../modules/node"
  kind       = "spark-worker"
  nodes      = var.spark_workers
  settings   = merge(var.spark, { master = join("", local.spark_hosts) })
  run_folder = var.run_folder
  script     = local.script
  # A worker that finds no master ends after a minute.
  depends_on = [module.spark_master]
}

output "contact_points" {
  description = "Where clients find the cluster."
  value       = local.seeds
}

output "spark_master" {
  description = "The URL for SPARK_MASTER."
  value       = length(local.spark_hosts) == 1 ? "spark://${local.spark_hosts[0]}:${var.spark.port}" : ""
}
