export default function Page() {
    return <h1>Peer</h1>;
}
