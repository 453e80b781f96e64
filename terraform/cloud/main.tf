# The cluster in AWS: Airflow's host, Spark, Cassandra. The same modules' shape as terraform/local.

locals {
  seeds = sort([for node in var.cassandra_nodes : node.address])
}

module "airflow" {
  source             = "../modules/node_aws"
  cluster            = var.cluster
  nodes              = { airflow = { zone = "public" } }
  subnets            = { public = var.public_subnet }
  ami                = var.ami
  instance_type      = var.airflow_instance_type
  root_gb            = var.airflow_gb
  security_groups    = [aws_security_group.airflow.id]
  key_name           = var.key_name
  user_data_template = "${path.module}/airflow.sh.tftpl"
}

# The address that people and the Spark master's known_hosts keep, whatever machine is behind it.
resource "aws_eip" "airflow" {
  domain   = "vpc"
  instance = module.airflow.instances["airflow"]
  tags     = { Name = "${var.cluster}-airflow" }
}

module "spark_master" {
  source             = "../modules/node_aws"
  cluster            = var.cluster
  nodes              = { spark-master = { zone = var.spark.zone, address = var.spark.master_address } }
  subnets            = var.subnets
  ami                = var.ami
  instance_type      = var.spark.master_instance_type
  root_gb            = 40
  security_groups    = [aws_security_group.spark.id]
  key_name           = var.key_name
  user_data_template = "${path.module}/spark.sh.tftpl"
  settings           = { role = "master", master = var.spark.master_address, version = var.spark.version }
}

module "spark_workers" {
  source = "../modules/node_aws"
  nodes = {
    for name, address in var.spark.worker_addresses : name => { zone = var.spark.zone, address = address }
  }
  cluster            = var.cluster
  subnets            = var.subnets
  ami                = var.ami
  instance_type      = var.spark.worker_instance_type
  root_gb            = 40
  security_groups    = [aws_security_group.spark.id]
  key_name           = var.key_name
  user_data_template = "${path.module}/spark.sh.tftpl"
  settings           = { role = "worker", master = var.spark.master_address, version = var.spark.version }
}

module "cassandra" {
  source             = "../modules/node_aws"
  cluster            = var.cluster
  nodes              = var.cassandra_nodes
  subnets            = var.subnets
  ami                = var.ami
  instance_type      = var.cassandra.instance_type
  data_gb            = var.cassandra.data_gb
  security_groups    = [aws_security_group.cassandra.id]
  key_name           = var.key_name
  user_data_template = "${path.module}/cassandra.sh.tftpl"
  settings = {
    cluster = var.cluster
    version = var.cassandra.version
    seeds   = local.seeds
    is_new  = var.cassandra.is_new
  }
}
