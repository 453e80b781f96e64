# Nodes by name, as processes of this machine. A node is replaced by
#   plan -replace='module.<call>.terraform_data.node["<name>"]'
# which ends the old one and then starts the new one: never create_before_destroy, with which the script that ends a
# node does not run.

resource "terraform_data" "node" {
  for_each = var.nodes

  # All that a start needs. A changed value does not restart a node: it counts from the next replacement on.
  input = {
    script = var.script
    node   = jsonencode(merge({ name = each.key, kind = var.kind, run = var.run_folder }, var.settings, each.value))
  }

  provisioner "local-exec" {
    # `exec`, so that ending the apply ends the script and not only its shell.
    command     = "exec \"$SCRIPT\" start"
    environment = { SCRIPT = self.input.script, NODE = self.input.node }
  }

  # Fails where the node is not fenced, and the plan is then not carried further. (A precondition would be checked too
  # late: after this.)
  provisioner "local-exec" {
    when        = destroy
    command     = "exec \"$SCRIPT\" stop"
    environment = { SCRIPT = self.input.script, NODE = self.input.node }
  }
}
