# Who may speak to whom. Nothing but Airflow's host is reached from outside, and that only by the operators.

resource "aws_security_group" "airflow" {
  name_prefix = "${var.cluster}-airflow-"
  description = "Airflow's host"
  vpc_id      = var.vpc_id

  ingress {
    description = "SSH"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = [var.operators_cidr]
  }

  ingress {
    description = "Airflow's page"
    from_port   = 8080
    to_port     = 8080
    protocol    = "tcp"
    cidr_blocks = [var.operators_cidr]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "spark" {
  name_prefix = "${var.cluster}-spark-"
  description = "Spark's master and workers"
  vpc_id      = var.vpc_id

  ingress {
    description     = "SSH from Airflow's host: each task runs a script on the master"
    from_port       = 22
    to_port         = 22
    protocol        = "tcp"
    security_groups = [aws_security_group.airflow.id]
  }

  ingress {
    description     = "The master's page, for its health"
    from_port       = 8080
    to_port         = 8081
    protocol        = "tcp"
    security_groups = [aws_security_group.airflow.id]
  }

  ingress {
    description = "Among themselves"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    self        = true
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "cassandra" {
  name_prefix = "${var.cluster}-cassandra-"
  description = "Nodes of Cassandra"
  vpc_id      = var.vpc_id

  ingress {
    description     = "Clients"
    from_port       = 9042
    to_port         = 9042
    protocol        = "tcp"
    security_groups = [aws_security_group.airflow.id, aws_security_group.spark.id]
  }

  ingress {
    description = "Among themselves"
    from_port   = 7000
    to_port     = 7001
    protocol    = "tcp"
    self        = true
  }

  ingress {
    description     = "SSH from Airflow's host: repair by nodetool"
    from_port       = 22
    to_port         = 22
    protocol        = "tcp"
    security_groups = [aws_security_group.airflow.id]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  lifecycle {
    create_before_destroy = true
  }
}
