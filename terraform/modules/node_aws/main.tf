# Nodes by name, as machines of AWS: the same shape as modules/node. A node is replaced by
#   plan -replace='module.<call>.aws_instance.node["<name>"]'
# Everything of a node is inside its one resource (disks too), so that such a plan touches exactly one row. It has a
# fixed private address: the new machine takes the address of the old one, and nobody's list of seeds changes.

resource "aws_instance" "node" {
  for_each = var.nodes

  ami                         = var.ami
  instance_type               = var.instance_type
  subnet_id                   = var.subnets[each.value.zone]
  private_ip                  = each.value.address
  vpc_security_group_ids      = var.security_groups
  key_name                    = var.key_name
  iam_instance_profile        = var.instance_profile
  associate_public_ip_address = false

  # A first boot takes its place in the ring; the machine that replaces another finds the address in use by the ring
  # and takes it over (see the template).
  user_data = templatefile(var.user_data_template, merge(var.settings, each.value, { name = each.key }))
  # Changed user data counts from the next replacement on. Otherwise one edit would replace all nodes at once.
  user_data_replace_on_change = false

  # A machine that ends itself stays stopped and is looked at; it must not come back with the tokens of its successor.
  instance_initiated_shutdown_behavior = "stop"
  disable_api_termination              = false

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = var.root_gb
    encrypted   = true
  }

  dynamic "ebs_block_device" {
    for_each = var.data_gb > 0 ? [var.data_gb] : []
    content {
      device_name           = "/dev/sdf"
      volume_type           = "gp3"
      volume_size           = ebs_block_device.value
      encrypted             = true
      delete_on_termination = true
    }
  }

  tags = merge(var.tags, { Name = "${var.cluster}-${each.key}", cluster = var.cluster, node = each.key })

  lifecycle {
    # A newer image or other user data does not replace what runs; only a plan with -replace does.
    ignore_changes = [ami, user_data]
  }
}
