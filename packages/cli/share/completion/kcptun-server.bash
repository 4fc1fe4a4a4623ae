# bash completion of kcptun-server
_kcptun_server() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --flag=value apart.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $before in
    --listen | -listen | -l) :; return ;;
    --target | -target | -t) :; return ;;
    --key | -key) :; return ;;
    --crypt | -crypt) COMPREPLY=($(compgen -W 'aes aes-128 aes-128-gcm aes-192 salsa20 blowfish twofish cast5 3des tea xtea xor sm4 none null' -- "$word")); return ;;
    --QPPCount | -QPPCount) :; return ;;
    --QPPGen | -QPPGen) COMPREPLY=($(compgen -W 'a b c' -- "$word")); return ;;
    --mode | -mode) COMPREPLY=($(compgen -W 'auto fast3 fast2 fast normal manual default' -- "$word")); return ;;
    --mtu | -mtu) :; return ;;
    --ratelimit | -ratelimit) :; return ;;
    --sndwnd | -sndwnd) :; return ;;
    --rcvwnd | -rcvwnd) :; return ;;
    --datashard | -datashard | --ds | -ds) :; return ;;
    --parityshard | -parityshard | --ps | -ps) :; return ;;
    --dscp | -dscp) :; return ;;
    --sockbuf | -sockbuf) :; return ;;
    --smuxver | -smuxver) :; return ;;
    --smuxbuf | -smuxbuf) :; return ;;
    --framesize | -framesize) :; return ;;
    --streambuf | -streambuf) :; return ;;
    --keepalive | -keepalive) :; return ;;
    --closewait | -closewait) :; return ;;
    --tcp-keepalive | -tcp-keepalive) :; return ;;
    --snmplog | -snmplog) local IFS=$'\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    --snmpperiod | -snmpperiod) :; return ;;
    --log | -log) local IFS=$'\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    -c) local IFS=$'\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    --completion | -completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word")); return ;;
    --pprof-listen | -pprof-listen) :; return ;;
    --log-format | -log-format) COMPREPLY=($(compgen -W 'go json' -- "$word")); return ;;
    --log-level | -log-level) COMPREPLY=($(compgen -W 'debug info warn error' -- "$word")); return ;;
    --drain-timeout | -drain-timeout) :; return ;;
    --max-sessions | -max-sessions) :; return ;;
    --max-sessions-per-ip | -max-sessions-per-ip) :; return ;;
  esac
  local flags='--listen -l --target -t --key --crypt --QPP --QPPCount --QPPGen --mode --mtu --ratelimit --sndwnd --rcvwnd --datashard --ds --parityshard --ps --dscp --nocomp --sockbuf --smuxver --smuxbuf --framesize --streambuf --keepalive --closewait --tcp-keepalive --snmplog --snmpperiod --pprof --log --quiet --tcp -c --print-config --completion --pprof-listen --log-format --log-level --drain-timeout --max-sessions --max-sessions-per-ip --keep-shards --no-replay-protection --help -h --version -v'
  if [[ $word == -[!-]* ]]; then flags=${flags//--/-}; fi
  COMPREPLY=($(compgen -W "$flags" -- "$word"))
}
complete -F _kcptun_server kcptun-server
