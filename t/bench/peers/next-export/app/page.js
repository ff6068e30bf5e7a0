import { Behaviour } from './behaviour';
import { body } from './home';

export default function Page() {
    return <>{body}<Behaviour /></>;
}
