// SPDX-License-Identifier: GPL-2.0
/*
 * A pair of network interfaces, wire0 and wire1: what is sent into one comes out of the other. As 10.9.0.1 and 10.9.0.2 are both this
 * machine's, the third byte of the addresses is changed on the way, as LDD3's snull does: ping 10.9.0.2 goes out by wire0 and comes
 * back by wire1, whose own network is 10.9.1.0. A netfilter hook counts what arrives.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <net/ip.h>

static struct net_device *wires[2];
static atomic_t arrived = ATOMIC_INIT(0);

static netdev_tx_t wire_transmit(struct sk_buff *sent, struct net_device *dev)
{
	struct net_device *other = wires[dev == wires[0]];
	struct sk_buff *skb;
	struct iphdr *header;

	dev->stats.tx_packets++;
	dev->stats.tx_bytes += sent->len;
	if (sent->protocol != htons(ETH_P_IP) || !(skb = skb_copy(sent, GFP_ATOMIC))) {
		dev->stats.tx_dropped++;
		goto out;
	}
	header = ip_hdr(skb);
	((u8 *)&header->saddr)[2] ^= 1;
	((u8 *)&header->daddr)[2] ^= 1;
	ip_send_check(header);
	skb->dev = other;
	skb->protocol = eth_type_trans(skb, other);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	other->stats.rx_packets++;
	other->stats.rx_bytes += skb->len;
	netif_rx(skb);
out:
	dev_kfree_skb(sent);
	return NETDEV_TX_OK;
}

static int wire_open(struct net_device *dev)
{
	netdev_info(dev, "up\n");
	netif_start_queue(dev);
	return 0;
}

static int wire_stop(struct net_device *dev)
{
	netif_stop_queue(dev);
	netdev_info(dev, "down\n");
	return 0;
}

static const struct net_device_ops wire_ops = { .ndo_open = wire_open, .ndo_stop = wire_stop, .ndo_start_xmit = wire_transmit };

static void wire_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &wire_ops;
	dev->flags |= IFF_NOARP;
}

static int on_header(struct sk_buff *skb, struct net_device *dev, unsigned short type, const void *to, const void *from, unsigned int length)
{
	struct ethhdr *header = skb_push(skb, ETH_HLEN);

	header->h_proto = htons(type);
	memcpy(header->h_source, dev->dev_addr, ETH_ALEN);
	memcpy(header->h_dest, wires[dev == wires[0]]->dev_addr, ETH_ALEN);
	return ETH_HLEN;
}

static const struct header_ops header_ops = { .create = on_header };

static unsigned int on_packet(void *unused, struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (ip_hdr(skb)->protocol == IPPROTO_ICMP && state->in != dev_net(state->in)->loopback_dev)
		atomic_inc(&arrived);
	return NF_ACCEPT;
}

static const struct nf_hook_ops hook = {
	.hook = on_packet,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_PRE_ROUTING,
	.priority = NF_IP_PRI_FIRST,
};

static int __init network_init(void)
{
	u8 address[ETH_ALEN] = { 0x02, 'w', 'i', 'r', 'e', 0 };
	int i, error;

	for (i = 0; i < 2; i++) {
		wires[i] = alloc_netdev(0, "wire%d", NET_NAME_ENUM, wire_setup);
		if (!wires[i]) {
			error = -ENOMEM;
			goto undo;
		}
		address[5] = i;
		eth_hw_addr_set(wires[i], address);
		wires[i]->header_ops = &header_ops;
		error = register_netdev(wires[i]);
		if (error) {
			free_netdev(wires[i]);
			goto undo;
		}
	}
	error = nf_register_net_hook(&init_net, &hook);
	if (!error)
		return 0;
undo:
	while (i--) {
		unregister_netdev(wires[i]);
		free_netdev(wires[i]);
	}
	return error;
}

static void __exit network_exit(void)
{
	int i;

	nf_unregister_net_hook(&init_net, &hook);
	for (i = 0; i < 2; i++) {
		unregister_netdev(wires[i]);
		free_netdev(wires[i]);
	}
	pr_info("%s\n", atomic_read(&arrived) ? "packets arrived" : "nothing arrived");
}

module_init(network_init);
module_exit(network_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Two network interfaces and a packet hook");
