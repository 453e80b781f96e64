"""Those who look at nodes: peers by gossip, we by CQL and TCP, and whoever runs the machine."""
